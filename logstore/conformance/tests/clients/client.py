"""Drives a store with an official Python client, and prints what it saw as JSON.

usage: client.py elasticsearch|opensearchpy URL
"""

import importlib
import json
import sys

package, url = sys.argv[1:]
module = importlib.import_module(package)
helpers = importlib.import_module(f"{package}.helpers")
is_opensearch = package == "opensearchpy"
client = (module.OpenSearch if is_opensearch else module.Elasticsearch)(url, **({} if is_opensearch else {"request_timeout": 30}) if module.__version__[0] >= 8 else {"timeout": 30})
keywords = module.__version__[0] >= 8 and not is_opensearch  # bodies are keywords from 8 on


def search(index, body, **more):
    return client.search(index=index, **body, **more) if keywords else client.search(index=index, body=body, **more)


seen = {"version": client.info()["version"]["number"], "ping": client.ping()}

mappings = {"properties": {"level": {"type": "keyword"}, "n": {"type": "integer"}, "message": {"type": "text"}, "@timestamp": {"type": "date"}}}
if keywords:
    client.indices.create(index="client-logs", mappings=mappings)
else:
    client.indices.create(index="client-logs", body={"mappings": mappings})
seen["exists"] = bool(client.indices.exists(index="client-logs"))
seen["absent"] = bool(client.indices.exists(index="client-nothing"))

records = (
    {"_index": "client-logs", "_id": f"{n}", "_op_type": "create", "level": ["info", "error"][n % 10 == 0], "n": n, "message": f"record number {n}", "@timestamp": f"2026-11-24T10:{n // 60 % 60:02}:{n % 60:02}Z"}
    for n in range(2500)
)
seen["bulk"] = helpers.bulk(client, records, chunk_size=700)[0]
again = [{"_index": "client-logs", "_id": "1", "_op_type": "create", "n": 1}, {"_index": "client-logs", "_id": "x", "n": "no number"}, {"_index": "client-logs", "_id": "fine", "n": 9999, "level": "info"}]
good, errors = helpers.bulk(client, again, raise_on_error=False, refresh=True)
seen["partial"] = [good, sorted(next(iter(error.values()))["status"] for error in errors)]

seen["count"] = client.count(index="client-logs")["count"]
seen["scan"] = len({hit["_id"] for hit in helpers.scan(client, index="client-logs", query={"query": {"term": {"level": "error"}}}, size=40)})
answer = search("client-logs", {"size": 3, "query": {"bool": {"must": [{"match": {"message": "number"}}], "filter": [{"range": {"n": {"gte": 10, "lt": 20}}}]}}, "sort": [{"n": "desc"}], "aggs": {"levels": {"terms": {"field": "level"}}, "mean": {"avg": {"field": "n"}}}})
seen["total"] = answer["hits"]["total"]["value"]
seen["first"] = [hit["_source"]["n"] for hit in answer["hits"]["hits"]]
seen["levels"] = {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["levels"]["buckets"]}
seen["mean"] = answer["aggregations"]["mean"]["value"]

if keywords:
    client.update(index="client-logs", id="5", doc={"level": "warn"}, refresh=True)
else:
    client.update(index="client-logs", id="5", body={"doc": {"level": "warn"}}, refresh=True)
seen["updated"] = client.get(index="client-logs", id="5")["_source"]["level"]
client.delete(index="client-logs", id="6", refresh=True)
try:
    client.get(index="client-logs", id="6")
except module.NotFoundError as error:
    seen["deleted"] = getattr(error, "status_code", None) or error.meta.status
try:
    search("client-logs", {"query": {"nonsense": {}}})
except module.RequestError if not keywords else module.BadRequestError as error:
    seen["refused"] = "nonsense" in str(error)
seen["mget"] = [document["found"] for document in (client.mget(index="client-logs", ids=["1", "6"]) if keywords else client.mget(index="client-logs", body={"ids": ["1", "6"]}))["docs"]]
lines = [{"index": "client-logs"}, {"query": {"term": {"level": "warn"}}, "size": 0}, {"index": "client-nothing"}, {"size": 0}]
many = (client.msearch(searches=lines) if keywords else client.msearch(body=lines))["responses"]
seen["msearch"] = [many[0]["hits"]["total"]["value"], many[1]["status"]]
client.indices.put_alias(index="client-logs", name="client-alias")
seen["alias"] = client.count(index="client-alias")["count"] == client.count(index="client-logs")["count"]
query = {"term": {"level": "error"}}
gone = client.delete_by_query(index="client-logs", refresh=True, **({"query": query} if keywords else {"body": {"query": query}}))
seen["deleted_by_query"] = gone["deleted"]
seen["health"] = client.cluster.health()["status"]
seen["cat"] = [row["index"] for row in client.cat.indices(index="client-*", format="json")]
client.indices.delete(index="client-logs")
seen["left"] = bool(client.indices.exists(index="client-logs"))
json.dump(seen, sys.stdout)
