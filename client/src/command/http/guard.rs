//! Who is answered: requests to this server, from programs or from its own page. A browser that another site has open is neither.
//!
//! A site can have a name of its own point here (DNS rebinding); then `Host` is that name. Or its page sends requests here itself; then
//! `Origin` or `Sec-Fetch-Site` tells, which scripts cannot set.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{header, HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::error::HttpError;
use super::page::CONTENT_SECURITY_POLICY;
use super::request::{Request, Response};
use super::routes::App;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Everything under it is for programs and for the page's scripts.
const API: &str = "/api/";

/// Under which names the server may be called.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    is_loopback: bool,
    names: Arc<[String]>,
}

impl Guard {
    /// `names` are those that the user allows, beside `localhost` and addresses.
    pub(super) fn new(listens_at: SocketAddr, names: Vec<String>) -> Self {
        Self {
            is_loopback: listens_at.ip().is_loopback(),
            names: names.into(),
        }
    }

    /// Has those answered that pass.
    pub(super) async fn answer(&self, app: &App, request: Request) -> Response {
        let answer = match self.check(&request.method, &request.path, &request.headers) {
            Ok(()) => app.answer(request).await,
            Err(error) => Err(error),
        };
        with_headers(answer.unwrap_or_else(Response::from))
    }

    pub(super) fn refuse(&self, error: HttpError) -> Response {
        with_headers(error.into())
    }

    fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), HttpError> {
        let text = |name: HeaderName| match headers.get_all(name).iter().collect::<Vec<_>>()[..] {
            [] => Ok(None),
            [value] => value.to_str().map(Some).map_err(|_| ()),
            _ => Err(()),
        };
        let host = text(header::HOST).ok().flatten().filter(|host| self.knows(host));
        let Some(host) = host else {
            let given = headers
                .get(header::HOST)
                .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
            let message = format!(
                "the Host is {:?}, and this server answers to localhost and its addresses alone: other names could be anybody's",
                given.unwrap_or_default()
            );
            return Err(forbidden("forbidden_host", message));
        };
        let is_own = |origin: &str| {
            origin
                .strip_prefix("http://")
                .is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        };
        match text(header::ORIGIN) {
            Ok(None) => {}
            Ok(Some(origin)) if is_own(origin) => {}
            origin => {
                let message = format!(
                    "the Origin is {:?}: pages of other sites may neither read nor change anything here",
                    origin.ok().flatten().unwrap_or_default()
                );
                return Err(forbidden("forbidden_origin", message));
            }
        }
        // A link on another site may lead to the page, and to nothing else.
        let is_page = *method == Method::GET && !path.starts_with(API);
        match text(SEC_FETCH_SITE) {
            Ok(None | Some("same-origin" | "none")) => Ok(()),
            _ if is_page => Ok(()),
            _ => {
                let message = "the request comes from a page of another site";
                Err(forbidden("forbidden_origin", message))
            }
        }
    }

    fn knows(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            Ok(address) => address.is_loopback() || !self.is_loopback,
            Err(_) => {
                let is = |known: &String| known.eq_ignore_ascii_case(name);
                name.eq_ignore_ascii_case("localhost") || self.names.iter().any(is)
            }
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

fn forbidden(code: &'static str, message: impl ToString) -> HttpError {
    HttpError::new(StatusCode::FORBIDDEN, code, message)
}

/// How browsers are to take what is answered.
fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(guard: &Guard, path: &str, headers: &[(&'static str, &str)]) -> Option<&'static str> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let error = guard.check(&Method::GET, path, &map).err()?;
        Some(match Response::from(error).status() {
            StatusCode::FORBIDDEN => "forbidden",
            _ => "something else",
        })
    }

    #[test]
    fn only_requests_to_this_server_from_itself_or_no_page_pass() {
        let guard = Guard::new("127.0.0.1:9980".parse().unwrap(), Vec::new());
        let own = ("host", "127.0.0.1:9980");
        for passes in [
            &[own][..],
            &[
                ("host", "localhost:9980"),
                ("origin", "http://localhost:9980"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("host", "[::1]:9980")],
            &[("host", "LOCALHOST")],
            &[own, ("sec-fetch-site", "none")],
        ] {
            assert_eq!(verdict(&guard, "/api/network", passes), None, "{passes:?}");
        }
        for refused in [
            &[][..],
            &[("host", "rebound.example:9980")],
            &[("host", "192.168.1.2:9980")],
            &[("host", "localhost.example")],
            &[own, ("host", "other")],
            &[own, ("origin", "null")],
            &[own, ("origin", "http://localhost:9980")],
            &[own, ("origin", "https://127.0.0.1:9980")],
            &[own, ("origin", "http://127.0.0.1:3000")],
            &[own, ("sec-fetch-site", "cross-site")],
            &[own, ("sec-fetch-site", "same-site")],
        ] {
            assert_eq!(
                verdict(&guard, "/api/network", refused),
                Some("forbidden"),
                "{refused:?}"
            );
        }
        assert_eq!(
            verdict(&guard, "/", &[own, ("sec-fetch-site", "cross-site")]),
            None,
            "a link to the page"
        );
    }

    #[test]
    fn beyond_this_machine_addresses_and_named_names_pass() {
        let guard = Guard::new("0.0.0.0:9981".parse().unwrap(), vec!["gateway.lan".to_owned()]);
        for (host, expected) in [
            ("192.168.1.2:9981", None),
            ("gateway.lan:9981", None),
            ("Gateway.lan", None),
            ("evil.example:9981", Some("forbidden")),
        ] {
            assert_eq!(verdict(&guard, "/api/server", &[("host", host)]), expected, "{host}");
        }
    }
}
