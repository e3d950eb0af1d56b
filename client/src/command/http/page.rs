//! The page, built from `devnet/page` (`npm run build` there writes the files of `page/` anew) and part of the program: nobody who installs it
//! needs Node.js.

use axum::extract::Path;
use axum::http::{header, HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::failure::Failure;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Name, content type, content.
type File = (&'static str, &'static str, &'static [u8]);

const INDEX: &[u8] = include_bytes!("page/index.html");
const FILES: [File; 3] = [
    ("page.js", "text/javascript; charset=utf-8", include_bytes!("page/page.js")),
    ("page.css", "text/css; charset=utf-8", include_bytes!("page/page.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("page/icon.svg")),
];
