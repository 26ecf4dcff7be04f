//! The embedded backend keeps the contract, also after it was closed and opened again.

use chat_store::{Embedded, contract};

#[test]
fn the_embedded_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract::check(&Embedded::open(folder.path()).unwrap());
    contract::check(&Embedded::open(folder.path()).unwrap());
}
