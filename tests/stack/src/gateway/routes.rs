//! Finds the route of a request.
//!
//! Owns API Gateway's precedence: a literal segment beats a parameter, and a greedy parameter comes last; a
//! resource without the method does not count. Refuses to know what a route does.

use std::collections::HashMap;

use crate::Error;
use crate::encoding;

/// The routes, as a tree of path segments.
#[derive(Debug, Default)]
pub struct Router {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    parameter: Option<(String, Box<Node>)>,
    greedy: Option<(String, Methods)>,
    methods: Methods,
}

type Methods = HashMap<String, usize>;

/// The route of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The route's position.
    pub route: usize,
    /// The path parameters, decoded.
    pub parameters: Vec<(String, String)>,
}

impl Router {
    /// A router for `routes`, given as method and path, and found by their position.
    pub fn new<'r>(routes: impl IntoIterator<Item = (&'r str, &'r str)>) -> Result<Self, Error> {
        let mut router = Self::default();
        for (position, (method, path)) in routes.into_iter().enumerate() {
            let wrong = |reason: &str| Error::new(format!("the template's route {path} {reason}"));
            let methods = router
                .root
                .place(segments(path).as_slice())
                .map_err(wrong)?;
            methods.insert(method.to_owned(), position);
        }
        Ok(router)
    }

    /// Finds the route of a request; `path` is as it was sent.
    pub fn find(&self, method: &str, path: &str) -> Option<Found> {
        let segments = segments(path);
        let mut captured = Vec::new();
        let route = self.root.find(method, &segments, &mut captured)?;
        let parameters = captured
            .into_iter()
            .map(|(name, value)| (name.to_owned(), encoding::percent_decoded(&value)))
            .collect();
        Some(Found { route, parameters })
    }
}

/// The segments of a path; a slash at its end makes no difference, as on AWS.
fn segments(path: &str) -> Vec<&str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        Vec::new()
    } else {
        path.split('/').collect()
    }
}

impl Node {
    /// Makes the place of a path in the tree.
    fn place(&mut self, segments: &[&str]) -> Result<&mut Methods, &'static str> {
        let Some((first, rest)) = segments.split_first() else {
            return Ok(&mut self.methods);
        };
        let name = first
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'));
        let Some(name) = name else {
            if first.contains(['{', '}']) {
                return Err("has a segment that is neither a literal nor a parameter");
            }
            return self
                .literals
                .entry((*first).to_owned())
                .or_default()
                .place(rest);
        };
        if let Some(name) = name.strip_suffix('+') {
            if !rest.is_empty() {
                return Err("goes on after a greedy parameter");
            }
            let (known, methods) = self
                .greedy
                .get_or_insert_with(|| (name.to_owned(), Methods::new()));
            return if known == name {
                Ok(methods)
            } else {
                Err("names a parameter differently")
            };
        }
        let (known, node) = self
            .parameter
            .get_or_insert_with(|| (name.to_owned(), Box::default()));
        if known == name {
            node.place(rest)
        } else {
            Err("names a parameter differently")
        }
    }

    fn find<'s>(
        &'s self,
        method: &str,
        segments: &[&str],
        captured: &mut Vec<(&'s str, String)>,
    ) -> Option<usize> {
        let Some((first, rest)) = segments.split_first() else {
            return serving(&self.methods, method);
        };
        let literal = self.literals.get(*first);
        if let Some(route) = literal.and_then(|node| node.find(method, rest, captured)) {
            return Some(route);
        }
        if first.is_empty() {
            return None;
        }
        if let Some((name, node)) = &self.parameter {
            captured.push((name, (*first).to_owned()));
            if let Some(route) = node.find(method, rest, captured) {
                return Some(route);
            }
            captured.pop();
        }
        let (name, methods) = self.greedy.as_ref()?;
        let route = serving(methods, method)?;
        captured.push((name, segments.join("/")));
        Some(route)
    }
}

fn serving(methods: &Methods, method: &str) -> Option<usize> {
    methods.get(method).or_else(|| methods.get("ANY")).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: [(&str, &str); 9] = [
        ("GET", "/"),
        ("GET", "/models"),
        ("GET", "/models/{model}"),
        ("POST", "/generations/veo3"),
        ("GET", "/generations/{id}"),
        ("GET", "/generations/{id}/media"),
        ("ANY", "/any"),
        ("OPTIONS", "/{proxy+}"),
        ("GET", "/files/{path+}"),
    ];

    fn find(method: &str, path: &str) -> Option<(&'static str, Vec<(String, String)>)> {
        let router = Router::new(ROUTES).unwrap();
        router
            .find(method, path)
            .map(|found| (ROUTES[found.route].1, found.parameters))
    }

    fn parameter(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn the_most_specific_route_with_the_method_is_found() {
        let cases = [
            ("GET", "/", Some(("/", vec![]))),
            ("GET", "/models", Some(("/models", vec![]))),
            ("GET", "/models/", Some(("/models", vec![]))),
            (
                "GET",
                "/models/veo3",
                Some(("/models/{model}", parameter("model", "veo3"))),
            ),
            (
                "GET",
                "/models/a%20b",
                Some(("/models/{model}", parameter("model", "a b"))),
            ),
            (
                "POST",
                "/generations/veo3",
                Some(("/generations/veo3", vec![])),
            ),
            (
                "GET",
                "/generations/veo3",
                Some(("/generations/{id}", parameter("id", "veo3"))),
            ),
            (
                "GET",
                "/generations/veo3/media",
                Some(("/generations/{id}/media", parameter("id", "veo3"))),
            ),
            (
                "OPTIONS",
                "/generations/veo3",
                Some(("/{proxy+}", parameter("proxy", "generations/veo3"))),
            ),
            ("OPTIONS", "/any", Some(("/any", vec![]))),
            ("DELETE", "/any", Some(("/any", vec![]))),
            (
                "OPTIONS",
                "/not/there",
                Some(("/{proxy+}", parameter("proxy", "not/there"))),
            ),
            (
                "GET",
                "/files/a/b%2Fc",
                Some(("/files/{path+}", parameter("path", "a/b/c"))),
            ),
            ("GET", "/files", None),
            ("GET", "/files/", None),
            ("POST", "/models", None),
            ("OPTIONS", "/", None),
            ("GET", "/not/there", None),
            ("GET", "//models", None),
            ("GET", "/models//", None),
            ("HEAD", "/models", None),
        ];
        for (method, path, expected) in cases {
            assert_eq!(find(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_path_that_aws_would_refuse_is_refused() {
        let cases = [
            vec![("GET", "/a/{x+}/b")],
            vec![("GET", "/a/x{y}")],
            vec![("GET", "/a/{x}"), ("GET", "/a/{y}/b")],
        ];
        for routes in cases {
            assert!(Router::new(routes.clone()).is_err(), "{routes:?}");
        }
    }
}
