//! The page, built from `devnet/page` (`node devnet/page/build.mjs` writes the files of `page/` anew) and part of the program: nobody who
//! installs it needs Node.js.

use http::StatusCode;

use super::error::Reply;
use super::request::{whole, Request};

/// Nothing from elsewhere, nothing inline, in nobody's frame.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn index<S>(_: S, _: Request) -> Reply {
    file("text/html; charset=utf-8", include_bytes!("page/index.html"))
}

pub(super) async fn script<S>(_: S, _: Request) -> Reply {
    file("text/javascript; charset=utf-8", include_bytes!("page/app.js"))
}

pub(super) async fn style<S>(_: S, _: Request) -> Reply {
    file("text/css; charset=utf-8", include_bytes!("page/app.css"))
}

pub(super) async fn description<S>(_: S, _: Request) -> Reply {
    file("application/yaml; charset=utf-8", super::DESCRIPTION.as_bytes())
}

/// Never from a cache: another version of the program may have been there.
fn file(content_type: &'static str, content: &'static [u8]) -> Reply {
    Ok(whole(StatusCode::OK, content_type, content))
}
