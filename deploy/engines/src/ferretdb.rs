//! FerretDB, built from its embeddable package.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::Settings;
use crate::install::run;

const MAIN: &str = r#"// The embeddable FerretDB over SQLite: arguments are the address and the folder of the databases.
package main

import (
	"context"
	"log"
	"os"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: os.Args[1]},
		Handler:   "sqlite",
		SQLiteURL: "file:" + os.Args[2] + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Run(context.Background()))
}
"#;

pub(crate) fn build(folder: &Path) -> anyhow::Result<()> {
    fs::write(folder.join("main.go"), MAIN).context("writing main.go")?;
    run(folder, "go", &["mod", "init", "guildwatch.invalid/ferretdb"])?;
    run(folder, "go", &["get", "github.com/FerretDB/FerretDB@v1.24.2"])?;
    run(folder, "go", &["mod", "tidy"])?;
    run(folder, "go", &["build", "-o", "ferretdb", "."])
}

pub(crate) fn command(installed: &Path, settings: &Settings, port: u16) -> Vec<String> {
    vec![
        installed.join("ferretdb").display().to_string(),
        format!("127.0.0.1:{port}"),
        settings.data.display().to_string(),
    ]
}
