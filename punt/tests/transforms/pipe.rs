//! Lines of a file through a punt with a configuration, and what the engine has of them.

use serde_json::Value;

use crate::engine::{Engine, Fault};
use crate::process::{Punt, Site};

/// A punt that has shipped everything.
pub(crate) struct Shipped {
    pub(crate) engine: Engine,
    pub(crate) site: Site,
    pub(crate) punt: Punt,
}

/// Ships these lines of a file; `config` is what the source has beside its path, and whatever tables follow. Waits
/// until the engine has `expected` documents.
pub(crate) fn ship(lines: &[&str], config: &str, expected: usize) -> Shipped {
    let engine = Engine::start(Fault::None);
    let source = format!("[sources.file]\ntype = \"file\"\npaths = [\"ROOT/in.log\"]\n{config}");
    let site = Site::new(&source, &engine.url(), "");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(site.path("in.log"), text).expect("the file is written");
    let punt = site.start();
    punt.wait_for_counter("source", "received", lines.len() as u64);
    engine.wait_for(expected);
    crate::law::assert_law(&punt);
    Shipped { engine, site, punt }
}

impl Shipped {
    /// The one document that this holds for.
    pub(crate) fn document(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let stored = self.engine.stored();
        let mut found = stored.documents.values().filter(|document| holds(document));
        let document = found.next().expect("there is such a document").clone();
        assert!(found.next().is_none(), "there is only one such document");
        document
    }

    /// The only document.
    pub(crate) fn only(&self) -> Value {
        self.document(|_| true)
    }

    /// The index of the only document.
    pub(crate) fn index(&self) -> String {
        let stored = self.engine.stored();
        let (index, _) = stored.documents.keys().next().expect("there is a document");
        index.clone()
    }
}
