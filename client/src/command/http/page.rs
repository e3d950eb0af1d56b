//! The page, built from `devnet/page` (`npm run build` there writes the files of `page/` anew) and part of the program: nobody who
//! installs it needs Node.js.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Nothing from elsewhere, nothing inline, in nobody's frame.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn index() -> Response {
    file("text/html; charset=utf-8", include_bytes!("page/index.html"))
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_bytes!("page/app.js"))
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", include_bytes!("page/app.css"))
}

pub(super) async fn description() -> Response {
    file("application/yaml; charset=utf-8", super::DESCRIPTION.as_bytes())
}

/// Never from a cache: another version of the program may have been there.
fn file(content_type: &'static str, content: &'static [u8]) -> Response {
    ([(header::CONTENT_TYPE, content_type)], content).into_response()
}
