//! Where the stack is that a verb talks about, and who talks.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use ops_api::{ControlClient, StackFile};
use ops_control::folder::Folder;

use crate::failure::{Code, Failure};

/// The data folder that a verb works on.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    folder: Folder,
}

// === impl Context ===

impl Context {
    /// With `--data` (or `GUILDWATCH_DATA`), or the default folder.
    pub(crate) fn new(data: Option<PathBuf>) -> Result<Self, Failure> {
        let root = match data {
            Some(data) => data,
            None => default_folder().ok_or_else(|| {
                Failure::new(
                    Code::Usage,
                    "there is no default data folder: neither XDG_STATE_HOME nor HOME is set",
                    "name one with --data or GUILDWATCH_DATA",
                )
            })?,
        };
        // Processes that are started get it as it is: it must mean the same everywhere.
        let root = std::path::absolute(&root)
            .map_err(|error| Failure::new(Code::Usage, format!("--data {}: {error}", root.display()), ""))?;
        Ok(Self {
            folder: Folder::new(root),
        })
    }

    /// The data folder.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Where the parts of the running stack are.
    pub(crate) fn stack(&self) -> Result<StackFile, Failure> {
        let root = self.folder.root();
        StackFile::read(root).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::new(
                Code::Unreachable,
                format!("no stack runs on {}", root.display()),
                "start one with `ops up`, or name another data folder with --data",
            ),
            std::io::ErrorKind::PermissionDenied => Failure::new(
                Code::NotPermitted,
                format!("cannot read {}: {error}", StackFile::path(root).display()),
                "run `ops` as the user who ran `ops up`",
            ),
            _ => Failure::plain(format!(
                "cannot read {}: {error}",
                StackFile::path(root).display()
            )),
        })
    }

    /// A client of the control plane, with the operator token.
    pub(crate) fn control(&self) -> Result<ControlClient, Failure> {
        let stack = self.stack()?;
        let path = self.folder.control_token();
        let token = std::fs::read_to_string(&path).map_err(|error| {
            Failure::new(
                Code::NotPermitted,
                format!("cannot read the operator token {}: {error}", path.display()),
                "run `ops` as the user who ran `ops up`",
            )
        })?;
        Ok(ControlClient::new(&stack.control, &token))
    }
}

/// `$XDG_STATE_HOME/guildwatch`, else `~/.local/state/guildwatch`.
fn default_folder() -> Option<PathBuf> {
    let var = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = var("XDG_STATE_HOME").or_else(|| Some(var("HOME")?.join(".local/state")))?;
    Some(state.join("guildwatch"))
}

/// Who acts, for the audit log: the user and the tool.
pub(crate) fn by(tool: &str) -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    let user = user.unwrap_or_else(|| {
        // Without a name in the environment the owner of this very process says it.
        let uid = std::fs::metadata("/proc/self").map(|process| process.uid());
        uid.map_or_else(|_| "somebody".to_owned(), |uid| format!("uid-{uid}"))
    });
    format!("{user}/{tool}")
}
