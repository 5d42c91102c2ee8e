//! The variables that the sandbox itself sets, whatever a policy says.

use std::collections::BTreeMap;
use std::path::Path;

/// How a command finds its way out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proxy<'a> {
    /// The proxy's address.
    pub(crate) url: &'a str,
    /// A file of certificate authorities that includes the proxy's own, where it looks into tunnels.
    pub(crate) authorities: Option<&'a Path>,
    /// Names and addresses of this machine's own that the proxy is to be asked for, since the policy names
    /// them. All others are the command's own loopback.
    pub(crate) outside: &'a [&'a str],
}

/// Names of a loopback, in the order that programs are told them.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Sets home, folder for passing files, and the way out.
pub(crate) fn complete(
    variables: &mut BTreeMap<String, String>,
    home: &Path,
    tmp: &Path,
    proxy: Option<Proxy<'_>>,
) {
    let mut set = |name: &str, value: &str| {
        variables.insert(name.to_owned(), value.to_owned());
    };
    set("HOME", &home.to_string_lossy());
    set("TMPDIR", &tmp.to_string_lossy());
    let Some(proxy) = proxy else { return };
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        set(name, proxy.url);
    }
    let inside: Vec<&str> = LOOPBACK.into_iter().filter(|name| !proxy.outside.contains(name)).collect();
    for name in ["NO_PROXY", "no_proxy"] {
        set(name, &inside.join(","));
    }
    // Node.js looks at the variables above only when it is told to.
    set("NODE_USE_ENV_PROXY", "1");
    let Some(authorities) = proxy.authorities else { return };
    for name in [
        "SSL_CERT_FILE",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "PIP_CERT",
        "GIT_SSL_CAINFO",
        "CARGO_HTTP_CAINFO",
        "AWS_CA_BUNDLE",
        "DENO_CERT",
    ] {
        set(name, &authorities.to_string_lossy());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_has_the_last_word_on_what_it_sets() {
        let mut variables = BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]);
        complete(&mut variables, Path::new("/h"), Path::new("/t"), None);
        let expected = [("HOME", "/h"), ("TMPDIR", "/t")];
        assert_eq!(
            variables,
            BTreeMap::from(expected.map(|(name, value)| (name.to_owned(), value.to_owned())))
        );
        let proxy =
            Proxy { url: "http://127.0.0.1:1", authorities: Some(Path::new("/t/ca.pem")), outside: &[] };
        complete(&mut variables, Path::new("/h"), Path::new("/t"), Some(proxy));
        assert_eq!(variables["https_proxy"], "http://127.0.0.1:1");
        assert_eq!(variables["PIP_CERT"], "/t/ca.pem");
        assert_eq!(variables["NO_PROXY"], "localhost,127.0.0.1,::1");
        let proxy = Proxy { outside: &["example.com", "127.0.0.1"], ..proxy };
        complete(&mut variables, Path::new("/h"), Path::new("/t"), Some(proxy));
        assert_eq!(variables["no_proxy"], "localhost,::1");
    }
}
