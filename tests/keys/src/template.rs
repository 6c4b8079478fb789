//! The part of the template that names the parameters with keys.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Error;

/// The defaults of the template's parameters.
pub struct Template {
    file: String,
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Parameters", default)]
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "Default")]
    default: Option<serde_yaml_ng::Value>,
}

impl Template {
    /// Reads a template.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|problem| Error(format!("cannot read {name}: {problem}")))?;
        let document: Document = serde_yaml_ng::from_str(&text)
            .map_err(|problem| Error(format!("{name} is not a template: {problem}")))?;
        Ok(Self {
            file: name,
            parameters: document.parameters,
        })
    }

    /// The default of a parameter that names another.
    pub fn default(&self, parameter: &str) -> Result<String, Error> {
        let default = self
            .parameters
            .get(parameter)
            .and_then(|it| it.default.as_ref());
        let name = default.and_then(serde_yaml_ng::Value::as_str);
        name.map(str::to_owned).ok_or_else(|| {
            Error(format!(
                "{} has no parameter {parameter} with a default",
                self.file
            ))
        })
    }
}
