//! The template's parameters: their permitted values, and the values that they take.
//!
//! Owns their checks. Refuses to know the single parameters and the source of a value.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;

use super::fields::{Fields, text_of};
use crate::Error;

/// The most parameters that a template may declare, as on AWS.
const PARAMETERS_MAX: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    List,
    /// The value names an entry of the parameter store; references give the stored value.
    Stored,
}

/// One declared parameter.
#[derive(Debug)]
pub struct Parameter {
    kind: Kind,
    default: Option<String>,
    allowed: Vec<String>,
    pattern: Option<Regex>,
    min: Option<f64>,
    max: Option<f64>,
    length_min: Option<i64>,
    length_max: Option<i64>,
}

/// Every declared parameter, by name.
#[derive(Debug, Default)]
pub struct Parameters(BTreeMap<String, Parameter>);

impl Parameters {
    /// Reads the `Parameters` section.
    pub fn read(section: Fields) -> Result<Self, Error> {
        let declared = section
            .into_objects()?
            .into_iter()
            .map(|(name, fields)| Ok((name, Parameter::read(fields)?)))
            .collect::<Result<BTreeMap<_, _>, Error>>()?;
        if declared.len() > PARAMETERS_MAX {
            return Err(Error::at("Parameters", "declares more than 200 parameters"));
        }
        Ok(Self(declared))
    }

    /// Whether a parameter is declared.
    pub fn declares(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of the parameters with this value, except for those whose value is looked up in the
    /// parameter store.
    pub fn that_take(&self, value: &str) -> Vec<String> {
        let takes = |(name, parameter): &(&String, &Parameter)| {
            parameter.kind != Kind::Stored && parameter.check(name, value).is_ok()
        };
        let takers = self.0.iter().filter(takes);
        takers.map(|(name, _)| name.clone()).collect()
    }

    /// Checks the given values, and returns each parameter's value or its default.
    pub fn values(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Error> {
        if let Some(unknown) = given.keys().find(|name| !self.declares(name)) {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            return Err(Error::new(format!(
                "the template has no parameter {unknown}; it has {}",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            )));
        }
        let mut values = BTreeMap::new();
        for (name, parameter) in &self.0 {
            let value = given
                .get(name)
                .or(parameter.default.as_ref())
                .ok_or_else(|| {
                    Error::new(format!(
                        "the parameter {name} has no default: give it with --param {name}=..."
                    ))
                })?;
            parameter.check(name, value)?;
            values.insert(name.clone(), value.clone());
        }
        Ok(values)
    }

    /// The parameters whose value is a name in the parameter store.
    pub fn stored<'a>(
        &'a self,
        values: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = (&'a String, &'a String)> {
        values
            .iter()
            .filter(|(name, _)| self.0.get(*name).is_some_and(|p| p.kind == Kind::Stored))
    }

    /// The value of a reference to each parameter; `stored` holds the values in the parameter store.
    pub fn references(
        &self,
        values: &BTreeMap<String, String>,
        stored: &BTreeMap<String, String>,
    ) -> BTreeMap<String, Value> {
        let reference = |(name, parameter): (&String, &Parameter)| {
            let value = values.get(name)?;
            let value = match parameter.kind {
                Kind::Text | Kind::Number => Value::String(value.clone()),
                Kind::Stored => Value::String(stored.get(name)?.clone()),
                Kind::List if value.is_empty() => Value::Array(Vec::new()),
                Kind::List => value
                    .split(',')
                    .map(|item| Value::from(item.trim()))
                    .collect(),
            };
            Some((name.clone(), value))
        };
        self.0.iter().filter_map(reference).collect()
    }
}

impl Parameter {
    fn read(mut fields: Fields) -> Result<Self, Error> {
        fields.accept(&["Description", "NoEcho", "ConstraintDescription"]);
        let kind = match fields.required_text("Type")?.as_str() {
            "String" => Kind::Text,
            "Number" => Kind::Number,
            "CommaDelimitedList" => Kind::List,
            "AWS::SSM::Parameter::Value<String>" => Kind::Stored,
            other => {
                return Err(fields.wrong("Type", &format!("is {other}, which is not supported")));
            }
        };
        let pattern = fields.text("AllowedPattern")?;
        let pattern = pattern
            .map(|pattern| Regex::new(&format!("^(?:{pattern})$")))
            .transpose()
            .map_err(|problem| fields.wrong("AllowedPattern", &format!("is wrong: {problem}")))?;
        let parameter = Self {
            kind,
            default: fields.text("Default")?,
            allowed: fields.texts("AllowedValues")?,
            pattern,
            min: signed_number(&mut fields, "MinValue")?,
            max: signed_number(&mut fields, "MaxValue")?,
            length_min: fields.integer("MinLength", 0..=4096)?,
            length_max: fields.integer("MaxLength", 0..=4096)?,
        };
        fields.finish()?;
        Ok(parameter)
    }

    fn check(&self, name: &str, value: &str) -> Result<(), Error> {
        let refuse = |reason: String| Err(Error::new(format!("the parameter {name} {reason}")));
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            return refuse(format!("must be one of {}", self.allowed.join(", ")));
        }
        if let Some(pattern) = self
            .pattern
            .as_ref()
            .filter(|pattern| !pattern.is_match(value))
        {
            return refuse(format!("must match {pattern}"));
        }
        let length = value.chars().count();
        let too_short = self.length_min.is_some_and(|min| (length as i64) < min);
        let too_long = self.length_max.is_some_and(|max| (length as i64) > max);
        if too_short || too_long {
            return refuse(format!(
                "has {length} characters, which its limits do not allow"
            ));
        }
        if self.kind != Kind::Number {
            return Ok(());
        }
        let number = value.parse().ok().filter(|number: &f64| number.is_finite());
        let Some(number) = number else {
            return refuse("must be a number".to_owned());
        };
        if let Some(min) = self.min.filter(|min| number < *min) {
            return refuse(format!("must be at least {min}"));
        }
        if let Some(max) = self.max.filter(|max| number > *max) {
            return refuse(format!("must be at most {max}"));
        }
        Ok(())
    }
}

fn signed_number(fields: &mut Fields, name: &str) -> Result<Option<f64>, Error> {
    let Some(value) = fields.take(name) else {
        return Ok(None);
    };
    let text = text_of(value, fields.at())?;
    text.parse()
        .map(Some)
        .map_err(|_| fields.wrong(name, "must be a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::yaml;

    fn parameters(text: &str) -> Parameters {
        let section = Fields::of(yaml::parse(text).unwrap(), "Parameters").unwrap();
        Parameters::read(section).unwrap()
    }

    fn given(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_default_is_used_until_a_value_is_given() {
        let declared = parameters("Hours: {Type: Number, Default: 24, MinValue: 1, MaxValue: 48}");
        assert_eq!(declared.values(&BTreeMap::new()).unwrap()["Hours"], "24");
        assert_eq!(declared.values(&given("Hours", "2")).unwrap()["Hours"], "2");
    }

    #[test]
    fn a_value_outside_its_limits_is_refused_by_name() {
        let cases = [
            (
                "P: {Type: Number, Default: 3, MinValue: 2}",
                "1",
                "P must be at least 2",
            ),
            (
                "P: {Type: Number, Default: 3, MaxValue: 4}",
                "5",
                "P must be at most 4",
            ),
            (
                "P: {Type: Number, Default: 3}",
                "three",
                "P must be a number",
            ),
            (
                "P: {Type: String, Default: a, AllowedValues: [a, b]}",
                "c",
                "P must be one of a, b",
            ),
            (
                "P: {Type: String, Default: aa, AllowedPattern: 'a+'}",
                "ab",
                "P must match",
            ),
            (
                "P: {Type: String, Default: aa, MaxLength: 2}",
                "abc",
                "P has 3 characters",
            ),
        ];
        for (text, value, expected) in cases {
            let problem = parameters(text)
                .values(&given("P", value))
                .unwrap_err()
                .to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_names_that_exist() {
        let declared = parameters("A: {Type: String, Default: ''}\nB: {Type: String, Default: ''}");
        let problem = declared.values(&given("C", "")).unwrap_err().to_string();
        assert_eq!(problem, "the template has no parameter C; it has A, B");
    }

    #[test]
    fn a_list_is_split_at_its_commas() {
        let declared = parameters("L: {Type: CommaDelimitedList, Default: 'a, b'}");
        let values = declared.values(&BTreeMap::new()).unwrap();
        let references = declared.references(&values, &BTreeMap::new());
        assert_eq!(references["L"], serde_json::json!(["a", "b"]));
    }
}
