// Drives a store with an official JavaScript client, and prints what it saw as JSON.
//
// usage: client.js @elastic/elasticsearch|@opensearch-project/opensearch URL
const [name, url] = process.argv.slice(2);
const { Client, errors } = require(name);
const version = Number(require(`${name}/package.json`).version.split(".")[0]);
const client = new Client({ node: url });
const isElastic = name.startsWith("@elastic");
const flat = isElastic && version >= 8; // answers are bodies, and bodies are keys, from 8 on
const open = (answer) => (flat ? answer : answer.body);
const withBody = (parameters, body) => (flat ? { ...parameters, ...body } : { ...parameters, body });

async function main() {
  const seen = { version: open(await client.info()).version.number, ping: Boolean(open(await client.ping()) ?? true) };
  const mappings = { properties: { level: { type: "keyword" }, n: { type: "integer" }, message: { type: "text" } } };
  await client.indices.create(withBody({ index: "js-logs" }, { mappings }));
  const documents = Array.from({ length: 1200 }, (_, n) => ({ n, level: n % 10 ? "info" : "error", message: `record number ${n}` }));
  const result = await client.helpers.bulk({
    datasource: documents,
    flushBytes: 20000,
    onDocument: (document) => ({ create: { _index: "js-logs", _id: String(document.n) } }),
    refreshOnCompletion: true,
  });
  seen.bulk = [result.total, result.failed, result.successful];
  let dropped = 0;
  await client.helpers.bulk({
    datasource: [{ n: 1 }, { n: "none" }, { n: 5000 }],
    onDocument: (document) => ({ index: { _index: "js-logs", _id: `again-${document.n}` } }),
    onDrop: () => dropped++,
    refreshOnCompletion: true,
  });
  seen.dropped = dropped;
  seen.count = open(await client.count({ index: "js-logs" })).count;
  let scanned = 0;
  for await (const page of client.helpers.scrollSearch(withBody({ index: "js-logs", size: 50 }, { query: { term: { level: "error" } } }))) {
    scanned += page.documents.length;
  }
  seen.scan = scanned;
  const answer = open(
    await client.search(
      withBody({ index: "js-logs", size: 2 }, { query: { match: { message: "number" } }, sort: [{ n: "desc" }], aggs: { levels: { terms: { field: "level" } } } }),
    ),
  );
  seen.total = answer.hits.total.value;
  seen.first = answer.hits.hits.map((hit) => hit._source.n);
  seen.levels = Object.fromEntries(answer.aggregations.levels.buckets.map((bucket) => [bucket.key, bucket.doc_count]));
  try {
    await client.get({ index: "js-logs", id: "nope" });
  } catch (error) {
    seen.missing = error instanceof errors.ResponseError && error.statusCode;
  }
  await client.update(withBody({ index: "js-logs", id: "3", refresh: true }, { doc: { level: "warn" } }));
  seen.updated = open(await client.get({ index: "js-logs", id: "3" }))._source.level;
  await client.indices.delete({ index: "js-logs" });
  const exists = open(await client.indices.exists({ index: "js-logs" }));
  seen.left = exists;
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error.stack, JSON.stringify(error.meta?.body ?? null));
  process.exit(1);
});
