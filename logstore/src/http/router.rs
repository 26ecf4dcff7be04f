//! Every endpoint of the store.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, delete, get, post, put};

use super::app::App;
use super::{
    admin, analyze, bulk, cat, cluster, document, explain, field_caps, index, msearch, point, reply, scroll,
    search, search_shards, template, terms_enum,
};

/// The routes.
pub fn router(app: Arc<App>) -> Router {
    let searching = || get(search::search).post(search::search);
    let scrolling = || get(scroll::next).post(scroll::next).delete(scroll::clear);
    let counting = || get(search::count).post(search::count);
    let many = || get(msearch::multi_search).post(msearch::multi_search);
    let caps = || get(field_caps::field_caps).post(field_caps::field_caps);
    let refreshing = || get(index::refresh).post(index::refresh);
    let getting = || get(document::multi_get).post(document::multi_get);
    Router::new()
        .route("/", get(cluster::root))
        .route("/metrics", get(admin::metrics))
        // writing
        .route("/_bulk", post(bulk::bulk).put(bulk::bulk))
        .route("/{index}/_bulk", post(bulk::bulk_into).put(bulk::bulk_into))
        .route("/{index}/_doc", post(document::post))
        .route(
            "/{index}/_doc/{id}",
            put(document::put)
                .post(document::put)
                .get(document::get)
                .delete(document::delete),
        )
        .route(
            "/{index}/_create/{id}",
            put(document::create).post(document::create),
        )
        .route("/{index}/_update/{id}", post(document::update))
        .route("/{index}/_source/{id}", get(document::source))
        .route("/_mget", getting())
        .route("/{index}/_mget", getting())
        // searching
        .route("/_search", searching())
        .route("/{index}/_search", searching())
        .route("/_search/scroll", scrolling())
        .route("/_search/scroll/{id}", scrolling())
        .route("/{index}/_pit", post(point::open))
        .route("/_pit", delete(point::close))
        .route("/{index}/_search/point_in_time", post(point::open_opensearch))
        .route("/_search/point_in_time", delete(point::close_opensearch))
        .route(
            "/_search/point_in_time/_all",
            get(point::list_opensearch).delete(point::close_all_opensearch),
        )
        .route("/_msearch", many())
        .route("/{index}/_msearch", many())
        .route("/_count", counting())
        .route("/{index}/_count", counting())
        .route("/_field_caps", caps())
        .route("/{index}/_field_caps", caps())
        .merge(more_searching())
        // indices
        .route(
            "/{index}",
            put(index::create)
                .get(index::get)
                .head(index::exists)
                .delete(index::delete),
        )
        .route("/_mapping", get(index::mapping))
        .route(
            "/{index}/_mapping",
            get(index::mapping)
                .put(index::put_mapping)
                .post(index::put_mapping),
        )
        .route("/{index}/_mapping/field/{fields}", get(index::field_mapping))
        .route(
            "/{index}/_settings",
            get(index::get_settings).put(index::put_settings),
        )
        .route("/{index}/_settings/{name}", get(index::get_setting))
        .route("/_refresh", refreshing())
        .route("/{index}/_refresh", refreshing())
        .route("/_flush", refreshing())
        .route("/{index}/_flush", refreshing())
        .route("/_resolve/index/{name}", get(index::resolve))
        .route("/_stats", get(cluster::stats))
        .route("/{index}/_stats", get(cluster::stats))
        .merge(template::routes("_index_template"))
        .merge(template::routes("_component_template"))
        .merge(template::routes("_template"))
        // cluster
        .route("/_cluster/health", get(cluster::health))
        .route("/_cluster/health/{index}", get(cluster::health))
        .route("/_nodes", get(cluster::nodes))
        .route("/_nodes/{what}", get(cluster::nodes))
        .route("/_cat/indices", get(cat::indices))
        .route("/_cat/indices/", get(cat::indices))
        .route("/_cat/indices/{index}", get(cat::indices))
        .route("/_cat/health", get(cat::health))
        .route("/_cat/count", get(cat::count))
        .route("/_cat/count/{index}", get(cat::count))
        .fallback(any(admin::unknown))
        .method_not_allowed_fallback(admin::wrong_method)
        .layer(from_fn(reply::finish))
        .with_state(app)
}

/// What is asked about queries and terms, and what is refused by name.
fn more_searching() -> Router<Arc<App>> {
    let validating = || get(explain::validate).post(explain::validate);
    let analyzing = || get(analyze::analyze).post(analyze::analyze);
    let sharding = || get(search_shards::search_shards).post(search_shards::search_shards);
    let refusing = || get(search_shards::refused).post(search_shards::refused);
    let mut router = Router::new()
        .route(
            "/{index}/_explain/{id}",
            get(explain::explain).post(explain::explain),
        )
        .route("/_validate/query", validating())
        .route("/{index}/_validate/query", validating())
        .route("/_analyze", analyzing())
        .route("/{index}/_analyze", analyzing())
        .route(
            "/{index}/_terms_enum",
            get(terms_enum::terms_enum).post(terms_enum::terms_enum),
        )
        .route("/_search_shards", sharding())
        .route("/{index}/_search_shards", sharding())
        .route("/_async_search", post(search_shards::async_search))
        .route("/{index}/_async_search", post(search_shards::async_search))
        .route(
            "/_async_search/{id}",
            get(search_shards::async_search_by_id).delete(search_shards::async_search_by_id),
        );
    for name in [
        "_rank_eval",
        "_mtermvectors",
        "_search/template",
        "_msearch/template",
    ] {
        router = router
            .route(&format!("/{name}"), refusing())
            .route(&format!("/{{index}}/{name}"), refusing());
    }
    router
        .route("/_render/template", refusing())
        .route("/{index}/_termvectors", refusing())
        .route("/{index}/_termvectors/{id}", refusing())
}
