//! How servers are reached: several of them, with secrets, over TLS, with packed bodies.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;

use crate::law::assert_law;
use crate::process::{Punt, Site};
use crate::server::{Reply, reserve, serve, serve_at};
use crate::store::{Store, modern, stored};
use crate::wait::until;
use crate::{MESSAGES, SYSLOG};

/// A punt with several addresses and these further keys.
fn site(urls: &[String], keys: &str) -> Site {
    let site = Site::new(SYSLOG, "http://replaced", keys);
    let config = std::fs::read_to_string(site.path("punt.toml")).expect("read");
    let list = format!("url = {urls:?}");
    std::fs::write(
        site.path("punt.toml"),
        config.replace("url = \"http://replaced\"", &list),
    )
    .expect("written");
    site
}

fn deliver(site: &Site, store: &Store) -> Punt {
    let punt = site.start();
    punt.send(0, MESSAGES);
    store.wait_for(MESSAGES);
    store.assert_each_once(0..MESSAGES);
    assert_law(&punt);
    punt
}

#[test]
fn several_addresses_share_the_load() {
    let store = Store::default();
    let counts: Vec<Arc<AtomicUsize>> = (0..3).map(|_| Arc::default()).collect();
    let urls: Vec<String> = counts
        .iter()
        .map(|count| {
            let (serving, count) = (store.clone(), Arc::clone(count));
            let address = serve(move |request| {
                count.fetch_add(usize::from(request.path == "/_bulk"), SeqCst);
                serving.answer(request, &modern(), stored)
            });
            format!("http://{address}")
        })
        .collect();
    let site = site(&urls, "batch_events = 50");
    let _punt = deliver(&site, &store);
    assert!(counts.iter().all(|count| count.load(SeqCst) > 5), "{counts:?}");
}

#[test]
fn an_address_that_fails_is_passed_over_and_taken_up_again() {
    let store = Store::default();
    let broken = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(AtomicUsize::new(0));
    let (serving, is_broken, bulks) = (store.clone(), Arc::clone(&broken), Arc::clone(&asked));
    let flaky = serve(move |request| match is_broken.load(SeqCst) {
        true => Reply::Json(503, json!({ "error": "no master" })),
        false => {
            bulks.fetch_add(usize::from(request.path == "/_bulk"), SeqCst);
            serving.answer(request, &modern(), stored)
        }
    });
    let serving = store.clone();
    let steady = serve(move |request| serving.answer(request, &modern(), stored));
    let urls = [
        format!("http://{flaky}"),
        format!("http://{}", reserve()),
        format!("http://{steady}"),
    ];
    let site = site(&urls, "batch_events = 200");
    let punt = deliver(&site, &store);
    assert_eq!(
        punt.counter("sink", "failed_requests"),
        0,
        "a dead address costs no request"
    );
    broken.store(false, SeqCst);
    let mut sent = MESSAGES;
    until("the address is used again", || {
        punt.send(sent, 200);
        sent += 200;
        (asked.load(SeqCst) > 0).then_some(())
    });
    store.wait_for(sent);
    assert_law(&punt);
}

#[test]
fn secrets_reach_the_server_from_text_file_and_address() {
    for (url_user, keys, expected) in [
        (
            "",
            "auth = { type = \"basic\", user = \"elastic\", password = \"pw\" }",
            "Basic ZWxhc3RpYzpwdw==",
        ),
        ("elastic:pw@", "", "Basic ZWxhc3RpYzpwdw=="),
        (
            "",
            "auth = { type = \"api_key\", key = \"id:key\" }",
            "ApiKey aWQ6a2V5",
        ),
        (
            "",
            "auth = { type = \"bearer\", token = { file = \"ROOT/token\" } }",
            "Bearer t0ken",
        ),
    ] {
        let store = Store::default();
        let serving = store.clone();
        let address = serve(move |request| match request.headers.get("authorization") {
            Some(given) if given == expected => serving.answer(request, &modern(), stored),
            given => Reply::Json(401, json!({ "error": format!("{given:?}") })),
        });
        let site = Site::new(SYSLOG, &format!("http://{url_user}{address}"), "");
        std::fs::write(site.path("token"), "t0ken\n").expect("written");
        let root = site.path("").display().to_string();
        site.configure(
            SYSLOG,
            &format!("http://{url_user}{address}"),
            &keys.replace("ROOT/", &root),
        );
        let punt = deliver(&site, &store);
        assert_eq!(punt.counter("sink", "failed_requests"), 0);
    }
}

#[test]
fn bodies_are_packed_as_configured() {
    for encoding in ["gzip", "zstd"] {
        let (store, seen) = (Store::default(), Arc::new(Mutex::new(Vec::new())));
        let (serving, encodings) = (store.clone(), Arc::clone(&seen));
        let address = serve(move |request| {
            if request.path == "/_bulk" {
                let encoding = request.headers.get("content-encoding").cloned();
                encodings
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(encoding);
            }
            serving.answer(request, &modern(), stored)
        });
        let site = Site::new(
            SYSLOG,
            &format!("http://{address}"),
            &format!("compression = \"{encoding}\""),
        );
        let _punt = deliver(&site, &store);
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            seen.iter().any(|found| found.as_deref() == Some(encoding)),
            "{seen:?}"
        );
    }
}

/// An authority, and certificates of it for a server and for a client.
struct Authority {
    ca: CertifiedIssuer<'static, KeyPair>,
}

// === impl Authority ===

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca = CertifiedIssuer::self_signed(params, key).expect("signed");
        Self { ca }
    }

    /// Certificate and key, PEM.
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (params.signed_by(&key, &self.ca).expect("signed"), key)
    }

    fn server(&self, clients: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            false => builder.with_no_client_auth(),
            true => {
                let mut roots = RootCertStore::empty();
                roots.add(self.ca.der().clone()).expect("a certificate");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let (certificate, key) = self.issue("localhost");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Arc::new(
            builder
                .with_single_cert(vec![certificate.der().clone()], key)
                .expect("a configuration"),
        )
    }
}

fn tls_site(address: std::net::SocketAddr, authority: &Authority, keys: &str) -> Site {
    let url = format!("https://localhost:{}", address.port());
    let site = Site::new(SYSLOG, &url, "");
    let (certificate, key) = authority.issue("client");
    for (name, text) in [
        ("ca.pem", authority.ca.pem()),
        ("client.pem", certificate.pem()),
        ("client.key", key.serialize_pem()),
    ] {
        std::fs::write(site.path(name), text).expect("written");
    }
    let root = site.path("").display().to_string();
    site.configure(SYSLOG, &url, &keys.replace("ROOT/", &root));
    site
}

#[test]
fn events_go_over_tls_to_whom_we_trust_and_to_nobody_else() {
    let (authority, store) = (Authority::new(), Store::default());
    let serving = store.clone();
    let localhost = "127.0.0.1:0".parse().expect("an address");
    let address = serve_at(localhost, Some(authority.server(false)), move |request| {
        serving.answer(request, &modern(), stored)
    });
    let stranger = tls_site(address, &Authority::new(), "tls = { ca_file = \"ROOT/ca.pem\" }");
    let punt = stranger.start();
    punt.send(0, MESSAGES);
    punt.wait_for_log("events stay in the buffer");
    assert_eq!(store.count(), 0);
    punt.kill();
    let site = tls_site(address, &authority, "tls = { ca_file = \"ROOT/ca.pem\" }");
    let _punt = deliver(&site, &store);

    let blind = Store::default();
    let serving = blind.clone();
    let address = serve_at(localhost, Some(authority.server(false)), move |request| {
        serving.answer(request, &modern(), stored)
    });
    let site = tls_site(address, &authority, "tls = { verify = false }");
    let _punt = deliver(&site, &blind);
}

#[test]
fn a_server_that_wants_a_certificate_of_ours_gets_it() {
    let (authority, store) = (Authority::new(), Store::default());
    let serving = store.clone();
    let localhost = "127.0.0.1:0".parse().expect("an address");
    let address = serve_at(localhost, Some(authority.server(true)), move |request| {
        serving.answer(request, &modern(), stored)
    });
    let tls = "tls = { ca_file = \"ROOT/ca.pem\", certificate_file = \"ROOT/client.pem\", key_file = \"ROOT/client.key\" }";
    let site = tls_site(address, &authority, tls);
    let _punt = deliver(&site, &store);
}
