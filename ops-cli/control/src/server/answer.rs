//! How the API says no: every refusal and failure as a [`Problem`] with a hint.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ops_api::Problem;

use crate::accounts::AccountError;
use crate::membership::registry::LeaseError;
use crate::operation::Refusal;

/// A refusal or failure on its way out.
#[derive(Debug)]
pub(crate) struct No(Problem);

// === impl No ===

impl No {
    /// `kind` is what scripts may match.
    pub(crate) fn new(
        status: StatusCode,
        kind: &str,
        title: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self(Problem {
            kind: kind.to_owned(),
            title: title.into(),
            status: status.as_u16(),
            hint: hint.into(),
            operation: None,
        })
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0)).into_response();
        let kind = header::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let title = refusal.to_string();
        let new = |status, kind, hint: &str| Self::new(status, kind, title.clone(), hint);
        match refusal {
            Refusal::UnknownCluster(_) => new(
                StatusCode::NOT_FOUND,
                "unknown-cluster",
                "`ops status` lists the clusters",
            ),
            Refusal::UnknownNode(_) => new(
                StatusCode::NOT_FOUND,
                "unknown-node",
                "`ops nodes` lists the nodes",
            ),
            Refusal::UnknownOperation(_) => new(
                StatusCode::NOT_FOUND,
                "unknown-operation",
                "`ops op list` lists the operations",
            ),
            Refusal::Conflict { ref id, .. } => {
                let hint =
                    format!("wait for it with `ops op watch {id}`, or end it with `ops op abort {id}`");
                let mut no = new(StatusCode::CONFLICT, "conflict", &hint);
                no.0.operation = Some(id.clone());
                no
            }
            Refusal::Gate(_) => new(
                StatusCode::CONFLICT,
                "gate",
                "look at `ops status`; when the cluster is down anyway, `--mode cold` restarts all of it at once",
            ),
            Refusal::KeyReused => new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key-reused",
                "use another key for another request, or leave it out",
            ),
            Refusal::Unwritable(_) => new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unwritable",
                "see that the data folder's disk has room and may be written",
            ),
        }
    }
}

impl From<LeaseError> for No {
    fn from(error: LeaseError) -> Self {
        let (status, kind, hint) = match error {
            LeaseError::Replaced(_) => (
                StatusCode::CONFLICT,
                "replaced",
                "end this process: a newer one has taken its place",
            ),
            LeaseError::Journal(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unwritable",
                "see that the data folder's disk has room and may be written",
            ),
        };
        Self::new(status, kind, error.to_string(), hint)
    }
}

impl From<AccountError> for No {
    fn from(error: AccountError) -> Self {
        let (status, kind, hint) = match error {
            AccountError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid", "correct it"),
            AccountError::Unknown(_) => (
                StatusCode::NOT_FOUND,
                "unknown-account",
                "`ops user list` lists them",
            ),
            AccountError::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "see `ops status data`, and try again",
            ),
            AccountError::Unwritable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unwritable",
                "see that the data folder's disk has room and may be written",
            ),
        };
        Self::new(status, kind, error.to_string(), hint)
    }
}

/// There is no such route.
pub(crate) fn not_found() -> No {
    No::new(
        StatusCode::NOT_FOUND,
        "unknown-route",
        "there is no such route",
        "this is the control plane of guildwatch; use the `ops` command",
    )
}
