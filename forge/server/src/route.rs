//! Where a path leads.

use http::Uri;
use http::uri::PathAndQuery;

/// Prefixes that clients know, and the services behind them: what is not mounted says so by its name.
const KNOWN: [(&str, &str); 5] = [
    ("/rest/v1", "rest"),
    ("/auth/v1", "auth"),
    ("/storage/v1", "storage"),
    ("/functions/v1", "functions"),
    ("/realtime/v1", "realtime"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Root,
    Health,
    Ready,
    Metrics,
    OpenApi,
    Jwks,
    /// The nth mount.
    Mount(usize),
    /// A service that is not here.
    Absent(&'static str),
    Unknown,
}

impl Route {
    pub(crate) fn of<'a>(path: &str, mut mounts: impl Iterator<Item = &'a str>) -> Route {
        match path {
            "/" => return Route::Root,
            "/healthz" => return Route::Health,
            "/readyz" => return Route::Ready,
            "/metrics" => return Route::Metrics,
            "/openapi.json" => return Route::OpenApi,
            "/.well-known/jwks.json" | "/auth/v1/.well-known/jwks.json" => return Route::Jwks,
            _ => {}
        }
        if let Some(mount) = mounts.position(|prefix| is_below(path, prefix)) {
            return Route::Mount(mount);
        }
        let known = KNOWN.iter().find(|(prefix, _)| is_below(path, prefix));
        known.map_or(Route::Unknown, |(_, name)| Route::Absent(name))
    }

    /// Whether it is asked by what watches over the server, and answered to its end.
    pub(crate) fn is_probe(self) -> bool {
        matches!(self, Route::Health | Route::Ready)
    }

    /// Its name in metrics, if it is no mount.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Route::Root => "root",
            Route::Health => "healthz",
            Route::Ready => "readyz",
            Route::Metrics => "metrics",
            Route::OpenApi => "openapi",
            Route::Jwks => "jwks",
            Route::Mount(_) => "mount",
            Route::Absent(_) => "absent",
            Route::Unknown => "unknown",
        }
    }
}

/// The service of a known prefix, or the prefix itself.
pub(crate) fn service_name(prefix: &str) -> &str {
    KNOWN.iter().find(|(known, _)| *known == prefix).map_or(prefix, |(_, name)| name)
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The target of a request as a service sees it: without the prefix, and without the host.
pub(crate) fn below(uri: &Uri, prefix: &str) -> Option<Uri> {
    let whole = uri.path_and_query()?.as_str();
    let rest = whole.strip_prefix(prefix)?;
    let rest = if rest.starts_with('/') {
        PathAndQuery::try_from(rest)
    } else {
        PathAndQuery::try_from(format!("/{rest}"))
    };
    Some(Uri::from(rest.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_they_should() {
        let of = |path| Route::of(path, ["/rest/v1"].into_iter());
        assert_eq!(of("/rest/v1"), Route::Mount(0));
        assert_eq!(of("/rest/v1/todos"), Route::Mount(0));
        assert_eq!(of("/rest/v1x"), Route::Unknown);
        assert_eq!(of("/rest/v12/todos"), Route::Unknown);
        assert_eq!(of("//rest/v1/todos"), Route::Unknown);
        assert_eq!(of("/storage/v1/object/x"), Route::Absent("storage"));
        assert_eq!(of("/auth/v1/.well-known/jwks.json"), Route::Jwks);
        assert_eq!(of("/auth/v1/token"), Route::Absent("auth"));
        assert_eq!(of("/healthz/x"), Route::Unknown);
    }

    #[test]
    fn services_see_what_is_below_their_mount() {
        for (uri, expected) in [
            ("/rest/v1/todos?a=eq.1", "/todos?a=eq.1"),
            ("/rest/v1", "/"),
            ("/rest/v1?a=b", "/?a=b"),
            ("/rest/v1/", "/"),
            ("http://host/rest/v1/rpc/f?x=%20", "/rpc/f?x=%20"),
        ] {
            assert_eq!(below(&uri.parse().unwrap(), "/rest/v1").unwrap(), expected);
        }
    }
}
