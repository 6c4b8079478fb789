//! The page that shows the OpenAPI document. Its files are in the one binary that serves them, and in no
//! other.

/// The content security policy: scripts, styles and requests of this origin alone; `data:` is for the
/// viewer's own icons.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const PAGE: &str = "text/html; charset=utf-8";
const DRAWING: &str = "image/svg+xml";

/// The licences of the viewer and of the code that is bundled with it.
const LICENCES: &str = concat!(
    include_str!("../docs/swagger-ui/NOTICE"),
    include_str!("../docs/swagger-ui/LICENSE"),
    include_str!("../docs/swagger-ui/swagger-ui-bundle.js.LICENSE.txt"),
);

/// Returns the media type and the text of a file. The page itself is `docs`.
#[must_use]
pub fn file(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "docs" => (PAGE, include_str!("../docs/docs.html")),
        "docs.css" => (STYLE, include_str!("../docs/docs.css")),
        "docs.js" => (SCRIPT, include_str!("../docs/docs.js")),
        "icon.svg" => (DRAWING, include_str!("../docs/icon.svg")),
        "swagger-ui.css" => (STYLE, include_str!("../docs/swagger-ui/swagger-ui.css")),
        "swagger-ui.js" => (
            SCRIPT,
            include_str!("../docs/swagger-ui/swagger-ui-bundle.js"),
        ),
        "licence.txt" => (TEXT, LICENCES),
        _ => return None,
    })
}
