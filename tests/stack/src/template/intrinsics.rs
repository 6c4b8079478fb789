//! Conditions and intrinsic functions: `Ref`, `Fn::Sub`, `Fn::GetAtt`, `Fn::If` and the like.
//!
//! Owns the value of a reference to a resource or a pseudo parameter. Refuses to know the use of resources.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::text_of;
use super::resources::{Declared, Kind, Place};
use super::yaml::below;
use crate::Error;

/// The greatest depth to which conditions may name each other.
const CONDITION_DEPTH_MAX: usize = 20;

/// Resolves values: knows the parameters, the conditions and every resource's name.
pub struct Resolver<'a> {
    place: &'a Place,
    parameters: &'a BTreeMap<String, Value>,
    conditions: BTreeMap<String, bool>,
    resources: BTreeMap<String, Declared>,
    queue_url: &'a dyn Fn(&str) -> String,
}

impl<'a> Resolver<'a> {
    /// A resolver that has worked out every condition, and knows no resource yet.
    pub fn new(
        place: &'a Place,
        parameters: &'a BTreeMap<String, Value>,
        conditions: &Map<String, Value>,
        queue_url: &'a dyn Fn(&str) -> String,
    ) -> Result<Self, Error> {
        let mut resolver = Self {
            place,
            parameters,
            conditions: BTreeMap::new(),
            resources: BTreeMap::new(),
            queue_url,
        };
        let mut known = BTreeMap::new();
        for (name, rule) in conditions {
            let holds = resolver.holds(rule, &below("Conditions", name), conditions, 0)?;
            known.insert(name.clone(), holds);
        }
        resolver.conditions = known;
        Ok(resolver)
    }

    /// Adds the resources that references may name.
    pub fn know(&mut self, resources: BTreeMap<String, Declared>) {
        self.resources = resources;
    }

    /// Whether a named condition holds.
    pub fn condition(&self, name: &str, at: &str) -> Result<bool, Error> {
        let holds = self.conditions.get(name).copied();
        holds.ok_or_else(|| Error::at(at, &format!("names the unknown condition {name}")))
    }

    /// Works out every intrinsic function in a value; `None` for `AWS::NoValue`.
    pub fn resolve(&self, value: &Value, at: &str) -> Result<Option<Value>, Error> {
        match value {
            Value::Null => Ok(None),
            Value::Bool(_) | Value::Number(_) => Ok(Some(value.clone())),
            Value::String(text) if text.contains("{{resolve:") => Err(Error::at(
                at,
                "uses a dynamic reference, which is not supported",
            )),
            Value::String(_) => Ok(Some(value.clone())),
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    resolved.extend(self.resolve(item, &format!("{at}[{index}]"))?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            Value::Object(map) => match intrinsic(map, at)? {
                Some((name, argument)) => self.call(name, argument, at),
                None => {
                    let mut resolved = Map::new();
                    for (key, item) in map {
                        if let Some(item) = self.resolve(item, &below(at, key))? {
                            resolved.insert(key.clone(), item);
                        }
                    }
                    Ok(Some(Value::Object(resolved)))
                }
            },
        }
    }

    fn call(&self, name: &str, argument: &Value, at: &str) -> Result<Option<Value>, Error> {
        match name {
            "Ref" => self.reference(&self.text(argument, at)?, at),
            "Fn::Sub" => self
                .substitute(argument, at)
                .map(|text| Some(Value::String(text))),
            "Fn::GetAtt" => self
                .attribute(argument, at)
                .map(|text| Some(Value::String(text))),
            "Fn::Join" => {
                let [separator, items] = self.arguments(argument, at, "Fn::Join")?;
                let separator = text_of(separator, at)?;
                Ok(Some(Value::String(texts(items, at)?.join(&separator))))
            }
            "Fn::Split" => {
                let [separator, text] = self.arguments(argument, at, "Fn::Split")?;
                let (separator, text) = (text_of(separator, at)?, text_of(text, at)?);
                Ok(Some(
                    text.split(separator.as_str()).map(Value::from).collect(),
                ))
            }
            "Fn::Select" => {
                let [index, items] = self.arguments(argument, at, "Fn::Select")?;
                let index = text_of(index, at)?.parse::<usize>().ok();
                let item = index.and_then(|index| items.get(index).cloned());
                item.map(Some)
                    .ok_or_else(|| Error::at(at, "selects an item that is not there"))
            }
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([Value::String(condition), then, otherwise]) => {
                    let holds = self.condition(condition, at)?;
                    self.resolve(if holds { then } else { otherwise }, at)
                }
                _ => Err(Error::at(
                    at,
                    "Fn::If takes a condition's name and two values",
                )),
            },
            other => Err(Error::at(
                at,
                &format!("{other} is not supported by the local cloud"),
            )),
        }
    }

    /// Reads the two arguments of a function.
    fn arguments(&self, argument: &Value, at: &str, name: &str) -> Result<[Value; 2], Error> {
        let wrong = || Error::at(at, &format!("{name} takes two arguments"));
        let Value::Array(items) = argument else {
            return Err(wrong());
        };
        let [first, second] = items.as_slice() else {
            return Err(wrong());
        };
        let first = self.resolve(first, at)?.ok_or_else(wrong)?;
        let second = self.resolve(second, at)?.ok_or_else(wrong)?;
        Ok([first, second])
    }

    /// The text that an argument resolves to.
    fn text(&self, argument: &Value, at: &str) -> Result<String, Error> {
        let value = self.resolve(argument, at)?;
        text_of(value.ok_or_else(|| Error::at(at, "must be text"))?, at)
    }

    fn reference(&self, name: &str, at: &str) -> Result<Option<Value>, Error> {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(text) = self.place.pseudo(name) {
            return Ok(Some(Value::String(text)));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        let resource = self.resources.get(name);
        if let Some(text) = resource.map(|resource| resource.reference(self.queue_url)) {
            return Ok(Some(Value::String(text)));
        }
        // SAM makes the alias of a function a resource of its own.
        let function = name.strip_suffix(".Alias");
        if let Some(alias) = function.and_then(|id| self.resources.get(id)?.alias(self.place)) {
            return Ok(Some(Value::String(alias)));
        }
        // SAM makes the stage a resource of its own: `Api.Stage`, or `ApiStage`.
        let api = name
            .strip_suffix(".Stage")
            .or_else(|| name.strip_suffix("Stage"));
        if let Some(stage) = api.and_then(|api| self.resources.get(api)?.stage()) {
            return Ok(Some(Value::String(stage.to_owned())));
        }
        Err(Error::at(
            at,
            &format!("refers to {name}, which the template does not have"),
        ))
    }

    fn attribute(&self, argument: &Value, at: &str) -> Result<String, Error> {
        let path = match argument {
            Value::String(path) => path.clone(),
            Value::Array(parts) => texts(Value::Array(parts.clone()), at)?.join("."),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
        };
        let Some((name, attribute)) = path.split_once('.') else {
            return Err(Error::at(
                at,
                "Fn::GetAtt takes a resource and an attribute",
            ));
        };
        // SAM makes the role of a function a resource of its own.
        let function = name.strip_suffix("Role").filter(|id| {
            let known = self.resources.get(*id);
            known.is_some_and(|known| matches!(known.kind, Kind::Function { .. }))
        });
        if let (Some(function), "Arn") = (function, attribute) {
            return Ok(self.place.role(function));
        }
        self.resources
            .get(name)
            .ok_or_else(|| {
                Error::at(
                    at,
                    &format!("refers to {name}, which the template does not have"),
                )
            })?
            .attribute(attribute, self.place, self.queue_url)
            .ok_or_else(|| Error::at(at, &format!("{name} has no attribute {attribute}")))
    }

    fn substitute(&self, argument: &Value, at: &str) -> Result<String, Error> {
        let (text, extra) = match argument {
            Value::String(text) => (text.as_str(), Map::new()),
            Value::Array(items) => match items.as_slice() {
                [Value::String(text), Value::Object(extra)] => (text.as_str(), extra.clone()),
                _ => return Err(Error::at(at, "Fn::Sub takes a text and a mapping")),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                return Err(Error::at(at, "Fn::Sub takes a text"));
            }
        };
        let mut output = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            output.push_str(before);
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| Error::at(at, "has a ${ that is never closed"))?;
            output.push_str(&self.variable(name.trim(), &extra, at)?);
            rest = after;
        }
        output.push_str(rest);
        Ok(output)
    }

    /// The value of `${name}` in a substitution.
    fn variable(&self, name: &str, extra: &Map<String, Value>, at: &str) -> Result<String, Error> {
        if let Some(literal) = name.strip_prefix('!') {
            return Ok(format!("${{{literal}}}"));
        }
        if let Some(value) = extra.get(name) {
            return self.text(value, at);
        }
        match name.split_once('.') {
            Some((resource, _)) if self.resources.contains_key(resource) => {
                match self.attribute(&Value::from(name), at) {
                    Ok(text) => Ok(text),
                    // `${Api.Stage}` is a reference with a dot in its name.
                    Err(problem) => match self.reference(name, at) {
                        Ok(Some(value)) => text_of(value, at),
                        Ok(None) | Err(_) => Err(problem),
                    },
                }
            }
            Some(_) | None => match self.reference(name, at)? {
                Some(value) => text_of(value, at),
                None => Ok(String::new()),
            },
        }
    }

    /// Works out a condition. Conditions may name each other, so `all` holds every rule.
    fn holds(
        &self,
        rule: &Value,
        at: &str,
        all: &Map<String, Value>,
        depth: usize,
    ) -> Result<bool, Error> {
        if depth > CONDITION_DEPTH_MAX {
            return Err(Error::at(at, "conditions name each other in a circle"));
        }
        let Some((name, argument)) = rule.as_object().and_then(|map| map.iter().next()) else {
            return Err(Error::at(at, "must be a condition function"));
        };
        let parts = || argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let each = || {
            parts()
                .iter()
                .map(|part| self.holds(part, at, all, depth + 1))
        };
        match (name.as_str(), parts()) {
            ("Condition", _) => {
                let other = argument.as_str().unwrap_or_default();
                let rule = all.get(other).ok_or_else(|| {
                    Error::at(at, &format!("names the unknown condition {other}"))
                })?;
                self.holds(rule, &below("Conditions", other), all, depth + 1)
            }
            ("Fn::Equals", [left, right]) => Ok(self.text(left, at)? == self.text(right, at)?),
            ("Fn::Not", [part]) => Ok(!self.holds(part, at, all, depth + 1)?),
            ("Fn::And", [_, _, ..]) => Ok(each()
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .all(|holds| holds)),
            ("Fn::Or", [_, _, ..]) => Ok(each()
                .collect::<Result<Vec<_>, _>>()?
                .into_iter()
                .any(|holds| holds)),
            (other, _) => Err(Error::at(
                at,
                &format!("{other} is not a condition that works here"),
            )),
        }
    }
}

/// The intrinsic function that a mapping calls, if it calls one.
fn intrinsic<'m>(
    map: &'m Map<String, Value>,
    at: &str,
) -> Result<Option<(&'m str, &'m Value)>, Error> {
    let Some(name) = map
        .keys()
        .find(|key| *key == "Ref" || key.starts_with("Fn::"))
    else {
        return Ok(None);
    };
    if map.len() > 1 {
        return Err(Error::at(at, &format!("has {name} beside other keys")));
    }
    Ok(map
        .iter()
        .next()
        .map(|(name, argument)| (name.as_str(), argument)))
}

fn texts(value: Value, at: &str) -> Result<Vec<String>, Error> {
    match value {
        Value::Array(items) => items.into_iter().map(|item| text_of(item, at)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Err(Error::at(at, "must be a list of texts"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::yaml;

    fn resolve(text: &str) -> Result<Option<Value>, String> {
        let place = Place::default();
        let parameters = BTreeMap::from([
            ("Name".to_owned(), Value::from("velro")),
            ("Empty".to_owned(), Value::from("")),
            ("List".to_owned(), serde_json::json!(["a", "b"])),
        ]);
        let conditions = yaml::parse(
            "Set: !Not [!Equals [!Ref Empty, '']]\n\
             Named: !And [!Equals [!Ref Name, velro], !Not [!Condition Set]]\n\
             Either: !Or [!Condition Set, !Condition Named]",
        );
        let conditions = conditions.unwrap().as_object().unwrap().clone();
        let queue_url = |name: &str| format!("http://queues/{name}");
        let mut resolver = Resolver::new(&place, &parameters, &conditions, &queue_url).unwrap();
        let declared = |kind, name: &str| Declared {
            kind,
            name: name.to_owned(),
        };
        resolver.know(BTreeMap::from([
            ("Jobs".to_owned(), declared(Kind::Queue, "jobs")),
            ("Rows".to_owned(), declared(Kind::Table, "rows")),
            (
                "Gradual".to_owned(),
                declared(
                    Kind::Function {
                        alias: Some("live".to_owned()),
                    },
                    "gradual",
                ),
            ),
            (
                "Plain".to_owned(),
                declared(Kind::Function { alias: None }, "plain"),
            ),
            (
                "Api".to_owned(),
                declared(
                    Kind::Api {
                        stage: "v1".to_owned(),
                    },
                    "local",
                ),
            ),
        ]));
        resolver
            .resolve(&yaml::parse(text).unwrap(), "Here")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn intrinsics_give_what_cloudformation_gives() {
        let cases = [
            ("!Ref Name", "velro"),
            ("!Ref AWS::Region", "us-east-1"),
            ("!Ref Jobs", "http://queues/jobs"),
            ("!Ref Rows", "rows"),
            ("!Ref Api", "local"),
            ("!Ref Api.Stage", "v1"),
            (
                "!Ref Gradual.Alias",
                "arn:aws:lambda:us-east-1:000000000000:function:gradual:live",
            ),
            ("!GetAtt [Gradual.Version, Version]", "1"),
            (
                "!GetAtt GradualRole.Arn",
                "arn:aws:iam::000000000000:role/GradualRole",
            ),
            (
                "!GetAtt Jobs.Arn",
                "arn:aws:sqs:us-east-1:000000000000:jobs",
            ),
            ("Fn::GetAtt: [Jobs, QueueName]", "jobs"),
            ("!Sub '${Name}-${Rows}-${!kept}'", "velro-rows-${kept}"),
            (
                "!Sub ['${A}/${Jobs.QueueName}', {A: !Ref Name}]",
                "velro/jobs",
            ),
            ("!Join ['-', [a, !Ref Name]]", "a-velro"),
            ("!Join [',', !Ref List]", "a,b"),
            ("!Select [1, !Split ['.', 'x.y.z']]", "y"),
            ("!If [Set, yes, no]", "no"),
            ("!If [Named, named, other]", "named"),
            ("!If [Either, either, neither]", "either"),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), Ok(Some(Value::from(expected))), "{text}");
        }
    }

    #[test]
    fn no_value_removes_the_property() {
        let resolved = resolve("{A: !If [Set, 1, !Ref AWS::NoValue], B: 2}").unwrap();
        assert_eq!(resolved, Some(serde_json::json!({"B": 2})));
    }

    #[test]
    fn what_does_not_exist_is_refused_by_name() {
        let cases = [
            ("!Ref Nothing", "refers to Nothing"),
            ("!GetAtt Jobs.Colour", "Jobs has no attribute Colour"),
            ("!GetAtt Nothing.Arn", "refers to Nothing"),
            ("!GetAtt RowsRole.Arn", "refers to RowsRole"),
            ("!Ref Plain.Alias", "refers to Plain.Alias"),
            ("!GetAtt [Plain.Version, Version]", "Plain has no attribute"),
            ("!Sub '${Nothing}'", "refers to Nothing"),
            ("!Sub '${Name'", "never closed"),
            ("!If [Nothing, 1, 2]", "unknown condition Nothing"),
            ("!ImportValue shared", "Fn::ImportValue is not supported"),
            ("{Ref: Name, Other: 1}", "beside other keys"),
            ("'{{resolve:ssm:x}}'", "dynamic reference"),
        ];
        for (text, expected) in cases {
            let problem = resolve(text).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
