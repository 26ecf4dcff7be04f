//! Every endpoint of the store.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, delete, get, post, put};

use super::app::App;
use super::call::{Call, Work};
use super::{
    admin, alias, analyze, bulk, by_query, cat, cluster, data_stream, document, explain, field_caps,
    field_stats, front, index, license, lookup, msearch, nodes, pipeline, point, scroll, search,
    search_shards, security, snapshot, stats, tasks, template, terms_enum,
};

type Routes = Router<Arc<App>>;
type Methods = MethodRouter<Arc<App>>;

/// `GET` (and `HEAD`) by a function of the call.
fn got(work: Work) -> Methods {
    get(move |call: Call| call.run(work))
}

/// `POST` by a function of the call.
fn posted(work: Work) -> Methods {
    post(move |call: Call| call.run(work))
}

/// `PUT` and `POST`, which mean the same.
fn put_or_posted(work: Work) -> Methods {
    put(move |call: Call| call.run(work)).post(move |call: Call| call.run(work))
}

/// `GET` and `POST`, which mean the same.
fn asked(work: Work) -> Methods {
    get(move |call: Call| call.run(work)).post(move |call: Call| call.run(work))
}

/// A route with and without an index before it.
fn with_index(routes: Routes, path: &str, methods: &Methods) -> Routes {
    routes
        .route(path, methods.clone())
        .route(&format!("/{{index}}{path}"), methods.clone())
}

/// The routes.
pub fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/", got(cluster::root))
        .route("/metrics", get(admin::metrics));
    let routes = documents(routes);
    let routes = searches(routes);
    let routes = indices(routes);
    let routes = aliases(routes);
    let routes = templates(routes);
    let routes = of_cluster(routes);
    let routes = ingest(routes);
    let routes = snapshots(routes);
    let routes = features(routes);
    let routes = secured(routes);
    let inner = routes
        .fallback(any(admin::unknown))
        .method_not_allowed_fallback(admin::wrong_method)
        .with_state(Arc::clone(&app));
    // The front changes paths, so it stands before the routing.
    Router::new()
        .fallback_service(inner)
        .layer(from_fn_with_state(app, front::front))
}

fn snapshots(routes: Routes) -> Routes {
    let repository = got(snapshot::get_repository)
        .put(|call: Call| call.run(snapshot::put_repository))
        .post(|call: Call| call.run(snapshot::put_repository))
        .delete(|call: Call| call.run(snapshot::delete_repository));
    let one = got(snapshot::get)
        .put(|call: Call| call.run(snapshot::take))
        .post(|call: Call| call.run(snapshot::take))
        .delete(|call: Call| call.run(snapshot::delete));
    routes
        .route("/_snapshot", got(snapshot::get_repository))
        .route("/_snapshot/{repository}", repository)
        .route("/_snapshot/{repository}/_verify", posted(snapshot::verify))
        .route("/_snapshot/{repository}/_cleanup", posted(snapshot::clean_up))
        .route("/_snapshot/{repository}/{snapshot}", one)
        .route(
            "/_snapshot/{repository}/{snapshot}/_status",
            got(snapshot::status),
        )
        .route(
            "/_snapshot/{repository}/{snapshot}/_restore",
            posted(snapshot::restore),
        )
}

fn documents(routes: Routes) -> Routes {
    let bulks = post(bulk::bulk).put(bulk::bulk);
    let getting = || get(lookup::multi_get).post(lookup::multi_get);
    routes
        .route("/_bulk", bulks)
        .route("/{index}/_bulk", post(bulk::bulk_into).put(bulk::bulk_into))
        .route("/{index}/_doc", post(document::post))
        .route(
            "/{index}/_doc/{id}",
            put(document::put)
                .post(document::put)
                .get(lookup::get)
                .delete(document::delete),
        )
        .route(
            "/{index}/_create/{id}",
            put(document::create).post(document::create),
        )
        .route("/{index}/_update/{id}", post(document::update))
        .route("/{index}/_source/{id}", get(lookup::source))
        .route("/_mget", getting())
        .route("/{index}/_mget", getting())
        .route("/{index}/_delete_by_query", posted(by_query::delete))
        .route("/{index}/_update_by_query", posted(by_query::update))
        .route("/_reindex", posted(by_query::reindex))
        .route("/_tasks", got(tasks::list))
        .route("/_tasks/{id}", got(tasks::get))
}

fn searches(routes: Routes) -> Routes {
    let searching = get(search::search).post(search::search);
    let counting = get(search::count).post(search::count);
    let many = get(msearch::multi_search).post(msearch::multi_search);
    let caps = get(field_caps::field_caps).post(field_caps::field_caps);
    let scrolling = || get(scroll::next).post(scroll::next).delete(scroll::clear);
    let routes = with_index(routes, "/_search", &searching);
    let routes = with_index(routes, "/_msearch", &many);
    let routes = with_index(routes, "/_count", &counting);
    let routes = with_index(routes, "/_field_caps", &caps);
    with_index(routes, "/_field_stats", &asked(field_stats::field_stats))
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
        .merge(more_searching())
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

fn indices(routes: Routes) -> Routes {
    let one = put(|call: Call| call.run(index::create))
        .get(|call: Call| call.run(index::get))
        .head(|call: Call| call.run(index::exists))
        .delete(|call: Call| call.run(index::delete));
    let mapping = got(index::mapping)
        .put(|call: Call| call.run(index::put_mapping))
        .post(|call: Call| call.run(index::put_mapping));
    let routes = routes.route("/{index}", one);
    let mut routes = routes;
    for word in ["_mapping", "_mappings"] {
        routes = with_index(routes, &format!("/{word}"), &mapping);
        routes = with_index(routes, &format!("/{word}/{{type}}"), &mapping);
        routes = with_index(
            routes,
            &format!("/{word}/field/{{fields}}"),
            &got(index::field_mapping),
        );
        routes = with_index(
            routes,
            &format!("/{word}/{{type}}/field/{{fields}}"),
            &got(index::field_mapping),
        );
    }
    let settings = got(index::get_settings).put(|call: Call| call.run(index::put_settings));
    let routes = with_index(routes, "/_settings", &settings);
    let routes = with_index(routes, "/_settings/{name}", &got(index::get_settings));
    let routes = with_index(routes, "/_refresh", &asked(index::refresh));
    let routes = with_index(routes, "/_flush", &asked(index::flush));
    let routes = with_index(routes, "/_flush/synced", &asked(index::flush));
    let routes = with_index(routes, "/_cache/clear", &asked(index::nothing_to_do));
    let routes = with_index(routes, "/_forcemerge", &posted(index::force_merge));
    let routes = with_index(routes, "/_stats", &got(stats::stats));
    let routes = with_index(routes, "/_stats/{metric}", &got(stats::stats));
    let routes = with_index(routes, "/_segments", &got(stats::segments));
    let routes = with_index(routes, "/_recovery", &got(stats::recovery));
    routes
        .route("/{index}/_open", posted(index::open))
        .route("/{index}/_close", posted(index::close))
        .route("/{index}/_block/{block}", put_or_posted(index::add_block))
        .route("/{index}/_clone/{target}", put_or_posted(index::clone))
        .route("/{index}/_shrink/{target}", put_or_posted(index::shrink))
        .route("/{index}/_split/{target}", put_or_posted(index::split))
        .route("/{index}/_rollover", posted(data_stream::rollover))
        .route("/{index}/_rollover/{new}", posted(data_stream::rollover))
        .route("/_resolve/index/{name}", got(index::resolve))
        .route("/_data_stream", got(data_stream::get))
        .route("/_data_stream/_stats", got(data_stream::stats))
        .route(
            "/_data_stream/{name}",
            got(data_stream::get)
                .put(|call: Call| call.run(data_stream::create))
                .delete(|call: Call| call.run(data_stream::delete)),
        )
        .route("/_data_stream/{name}/_stats", got(data_stream::stats))
}

fn aliases(routes: Routes) -> Routes {
    let named = got(alias::get)
        .put(|call: Call| call.run(alias::put))
        .post(|call: Call| call.run(alias::put))
        .delete(|call: Call| call.run(alias::delete));
    let mut routes = routes.route(
        "/_aliases",
        got(alias::get).post(|call: Call| call.run(alias::actions)),
    );
    let all = got(alias::get).put(|call: Call| call.run(alias::put));
    routes = routes.route("/{index}/_aliases", all.clone());
    routes = with_index(routes, "/_aliases/{alias}", &named);
    routes = with_index(routes, "/_alias", &all);
    with_index(routes, "/_alias/{alias}", &named)
}

fn templates(routes: Routes) -> Routes {
    let mut routes = routes
        .route(
            "/_index_template/_simulate_index/{name}",
            posted(template::simulate_index),
        )
        .route("/_index_template/_simulate", posted(template::simulate))
        .route("/_index_template/_simulate/{name}", posted(template::simulate));
    for word in ["_index_template", "_component_template", "_template"] {
        // The word is the same in the path and in what the handler looks at.
        let kind = move |mut call: Call| {
            call.set_name("kind", word);
            call
        };
        let one = get(move |call: Call| kind(call).run(template::get))
            .put(move |call: Call| kind(call).run(template::put))
            .post(move |call: Call| kind(call).run(template::put))
            .delete(move |call: Call| kind(call).run(template::delete));
        routes = routes.route(&format!("/{word}/{{name}}"), one).route(
            &format!("/{word}"),
            get(move |call: Call| kind(call).run(template::get)),
        );
    }
    routes
}

fn of_cluster(routes: Routes) -> Routes {
    routes
        .route("/_cluster/health", got(cluster::health))
        .route("/_cluster/health/{index}", got(cluster::health))
        .route("/_cluster/state", got(cluster::state))
        .route("/_cluster/state/{metric}", got(cluster::state))
        .route("/_cluster/state/{metric}/{index}", got(cluster::state))
        .route("/_cluster/stats", got(cluster::stats))
        .route("/_cluster/stats/nodes/{nodes}", got(cluster::stats))
        .route(
            "/_cluster/settings",
            got(cluster::get_settings).put(|call: Call| call.run(cluster::put_settings)),
        )
        .route("/_cluster/pending_tasks", got(cluster::pending_tasks))
        .route("/_cluster/allocation/explain", asked(cluster::explain_allocation))
        .route("/_nodes", got(nodes::info))
        .route("/_nodes/{nodes}", got(nodes::info))
        .route("/_nodes/{nodes}/{metrics}", got(nodes::info))
        .route("/_nodes/{nodes}/stats/{metrics}", got(nodes::stats_of))
        .route("/_cat", got(cat::list))
        .route("/_cat/{table}", got(cat::show))
        .route("/_cat/{table}/", got(cat::show))
        .route("/_cat/{table}/{index}", got(cat::show))
}

fn ingest(routes: Routes) -> Routes {
    let one = got(pipeline::get)
        .put(|call: Call| call.run(pipeline::put))
        .delete(|call: Call| call.run(pipeline::delete));
    routes
        .route("/_ingest/pipeline", got(pipeline::get))
        .route("/_ingest/pipeline/_simulate", asked(pipeline::simulate))
        .route("/_ingest/pipeline/{name}", one)
        .route("/_ingest/pipeline/{name}/_simulate", asked(pipeline::simulate))
        .route("/_ingest/processor/grok", got(pipeline::grok_patterns))
}

fn features(routes: Routes) -> Routes {
    let policy = got(license::get_policy)
        .put(|call: Call| call.run(license::put_policy))
        .delete(|call: Call| call.run(license::delete_policy));
    let scripts = got(license::scripts)
        .put(|call: Call| call.run(license::scripts))
        .post(|call: Call| call.run(license::scripts))
        .delete(|call: Call| call.run(license::scripts));
    routes
        .route("/_license", got(license::license))
        .route("/_xpack/license", got(license::license))
        .route("/_xpack", got(license::xpack))
        .route("/_xpack/usage", got(license::usage))
        .route("/_ilm/policy", got(license::get_policy))
        .route("/_ilm/policy/{name}", policy)
        .route("/_ilm/status", got(license::life_cycle_status))
        .route("/{index}/_ilm/explain", got(license::explain))
        .route("/_slm/status", got(license::life_cycle_status))
        .route("/_slm/policy", got(license::nothing))
        .route("/_remote/info", got(license::nothing))
        .route("/_plugins/_ism/policies", got(license::ism_policies))
        .route("/_opendistro/_ism/policies", got(license::ism_policies))
        .route(
            "/_monitoring/bulk",
            post(|call: Call| call.run(license::monitoring)),
        )
        .route("/_scripts/{name}", scripts)
}

fn secured(routes: Routes) -> Routes {
    let user = got(security::get_user)
        .put(|call: Call| call.run(security::put_user))
        .post(|call: Call| call.run(security::put_user))
        .delete(|call: Call| call.run(security::delete_user));
    let role = got(security::get_role)
        .put(|call: Call| call.run(security::put_role))
        .post(|call: Call| call.run(security::put_role))
        .delete(|call: Call| call.run(security::delete_role));
    let keys = got(security::get_keys)
        .put(|call: Call| call.run(security::create_key))
        .post(|call: Call| call.run(security::create_key))
        .delete(|call: Call| call.run(security::invalidate_keys));
    routes
        .route("/_security/_authenticate", got(security::authenticate))
        .route("/_security/user", got(security::get_user))
        .route("/_security/user/{name}", user)
        .route(
            "/_security/user/{name}/_password",
            put_or_posted(security::put_password),
        )
        .route("/_security/role", got(security::get_role))
        .route("/_security/role/{name}", role)
        .route("/_security/api_key", keys)
}
