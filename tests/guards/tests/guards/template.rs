//! template.yaml as a tree of plain values, with short tags (`!Ref`) in their long form. Owns reading it;
//! refuses to judge. The local cloud has a reader of its own, which refuses what it cannot serve; this one
//! accepts everything.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;

use crate::workspace;

/// A function.
pub struct Function {
    /// Its name in the template.
    pub id: String,
    /// The settings of its build.
    pub metadata: Value,
    /// Its own properties.
    pub properties: Value,
}

/// A caller of a function.
pub struct Event<'a> {
    /// Its name in the template.
    pub name: &'a str,
    /// `ScheduleV2`, or `EventSourceMapping`, which stands beside its function.
    pub kind: &'a str,
    /// Its properties.
    pub properties: &'a Value,
}

/// A method of a path of the API.
pub struct Route<'a> {
    /// The function behind it.
    pub function: &'a Function,
    /// The method.
    pub method: &'a str,
    /// The path, parameters in braces.
    pub path: &'a str,
    /// Whether the gateway lets everybody through.
    pub is_public: bool,
    /// Whether a caller needs a usage-plan key.
    pub is_counted: bool,
    /// The role by which the gateway calls the function.
    pub role: &'a str,
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let yaml = serde_yaml_ng::from_str(&workspace::text("template.yaml")).unwrap();
    plain(yaml)
});

static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    resources_of("AWS::Serverless::Function")
        .map(|(id, resource)| Function {
            id: id.clone(),
            metadata: resource["Metadata"].clone(),
            properties: resource["Properties"].clone(),
        })
        .collect()
});

/// The whole template.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// Every resource, by its name.
pub fn resources() -> &'static Map<String, Value> {
    DOCUMENT["Resources"].as_object().unwrap()
}

/// The resources of a type.
pub fn resources_of(kind: &str) -> impl Iterator<Item = (&'static String, &'static Value)> {
    let resources = resources().iter();
    resources.filter(move |(_, resource)| resource["Type"] == kind)
}

/// Every function.
pub fn functions() -> &'static [Function] {
    &FUNCTIONS
}

/// Every route of the API.
pub fn routes() -> Vec<Route<'static>> {
    let body = &DOCUMENT["Resources"]["Api"]["Properties"]["DefinitionBody"];
    let paths = body["paths"].as_object().unwrap().iter();
    let of_path = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, route)| (path, method, route))
    });
    let routes: Vec<_> = of_path
        .map(|(path, method, route)| {
            let call = &route["x-amazon-apigateway-integration"];
            // With an alias, the function is a variable of its own.
            let uri = &call["uri"]["Fn::Sub"];
            let text = uri.as_str().or_else(|| uri[0].as_str()).unwrap();
            let named = text.split("/functions/${").nth(1).unwrap();
            let named = uri[1]["Function"]["Ref"].as_str().unwrap_or(named);
            let function = named.split('.').next().unwrap();
            let schemes: Vec<&String> = route["security"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|scheme| scheme.as_object().unwrap().keys())
                .collect();
            let role = call["credentials"]["Fn::GetAtt"].as_str().unwrap();
            Route {
                function: functions().iter().find(|it| it.id == function).unwrap(),
                method: method_in_capitals(method),
                path,
                is_public: schemes.iter().any(|scheme| *scheme == "NONE"),
                is_counted: !schemes.iter().any(|scheme| *scheme == "api_key_false"),
                role: role.strip_suffix(".Arn").unwrap(),
            }
        })
        .collect();
    assert!(!routes.is_empty());
    routes
}

fn method_in_capitals(method: &str) -> &'static str {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let found = methods.into_iter().find(|it| it.to_lowercase() == method);
    found.unwrap_or_else(|| panic!("{method} is no method"))
}

impl Function {
    /// The binary that it runs.
    pub fn binary(&self) -> &str {
        let binary = self.metadata["BuildProperties"]["Binary"].as_str();
        binary.unwrap_or_else(|| panic!("{} has no Binary", self.id))
    }

    /// The seconds that it may run.
    pub fn timeout_s(&self) -> u64 {
        let own = self.properties["Timeout"].as_u64();
        let global = DOCUMENT["Globals"]["Function"]["Timeout"].as_u64();
        own.or(global).unwrap()
    }

    /// Whether the gateway calls it for a route.
    pub fn is_called_by_gateway(&self) -> bool {
        routes().iter().any(|route| route.function.id == self.id)
    }

    /// Its callers, apart from the gateway.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let events = self.properties["Events"].as_object();
        let events = events.into_iter().flatten().map(|(name, event)| Event {
            name,
            kind: event["Type"].as_str().unwrap(),
            properties: &event["Properties"],
        });
        let mappings = resources_of("AWS::Lambda::EventSourceMapping");
        let own = mappings.filter(|(_, mapping)| {
            mapping["Properties"]["FunctionName"]["Ref"].as_str() == Some(&self.id)
        });
        events.chain(own.map(|(name, mapping)| Event {
            name,
            kind: "EventSourceMapping",
            properties: &mapping["Properties"],
        }))
    }
}

/// Calls `visit` with every key at any depth, and its value.
pub fn visit_keys(value: &Value, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                visit(key, value);
                visit_keys(value, visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit_keys(item, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn plain(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Sequence(items) => items.into_iter().map(plain).collect(),
        Yaml::Mapping(entries) => {
            let entry =
                |(key, value): (Yaml, Yaml)| (key.as_str().unwrap().to_owned(), plain(value));
            Value::Object(entries.into_iter().map(entry).collect())
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                other => format!("Fn::{other}"),
            };
            Value::Object(Map::from_iter([(name, plain(tagged.value))]))
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::String(_) => {
            serde_json::to_value(yaml).unwrap()
        }
    }
}
