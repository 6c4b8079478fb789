//! Reads template.yaml into the parts that the local cloud serves, and refuses by name the parts that it
//! cannot serve.
//!
//! Owns the supported subset of SAM. Refuses to know how any of it is run.

pub mod api;
pub mod fields;
pub mod functions;
mod intrinsics;
pub mod parameters;
pub mod plans;
mod policies;
pub mod resources;
mod routes;
pub mod storage;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use self::fields::Fields;
use self::intrinsics::Resolver;
use self::parameters::Parameters;
use self::resources::{Declared, Kind, Place};
use crate::Error;

const RESOURCES_MAX: usize = 500;

/// A template whose text has been read, but whose values are not known yet.
#[derive(Debug)]
pub struct Document {
    /// The declared parameters.
    pub parameters: Parameters,
    conditions: Map<String, Value>,
    globals: Value,
    resources: Vec<(String, RawResource)>,
    outputs: Value,
}

#[derive(Debug)]
struct RawResource {
    kind: Kind,
    condition: Option<String>,
    binary: Option<String>,
    properties: Value,
    at: String,
}

/// Everything that the local cloud serves.
#[derive(Debug)]
pub struct Template {
    /// The REST API; `None` when the template has none.
    pub api: Option<api::Api>,
    /// The usage plans and their keys.
    pub plans: plans::Plans,
    /// The functions, in the order of their logical ids.
    pub functions: Vec<functions::Function>,
    /// The tables.
    pub tables: Vec<storage::Table>,
    /// The queues; a dead-letter queue comes before the queues that use it.
    pub queues: Vec<storage::Queue>,
    /// The buckets.
    pub buckets: Vec<storage::Bucket>,
}

/// Values that only the running stack can supply.
pub struct Supplied<'a> {
    /// The pretended place of the stack.
    pub place: &'a Place,
    /// The value of a reference to each parameter.
    pub parameters: &'a BTreeMap<String, Value>,
    /// The URL of a queue, by its name.
    pub queue_url: &'a dyn Fn(&str) -> String,
}

impl Document {
    /// Reads the text of a template.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut root = Fields::of(yaml::parse(text)?, "")?;
        root.accept(&["AWSTemplateFormatVersion", "Description", "Metadata"]);
        match root.text("Transform")?.as_deref() {
            Some("AWS::Serverless-2016-10-31") => {}
            _ => return Err(Error::at("Transform", "must be AWS::Serverless-2016-10-31")),
        }
        let parameters = Parameters::read(root.object("Parameters")?)?;
        let conditions = match root.take("Conditions") {
            Some(Value::Object(conditions)) => conditions,
            None => Map::new(),
            Some(_) => return Err(Error::at("Conditions", "must be a mapping")),
        };
        let globals = root.take("Globals").unwrap_or(Value::Null);
        let resources = root.object("Resources")?.into_objects()?;
        if resources.len() > RESOURCES_MAX {
            return Err(Error::at("Resources", "are more than 500"));
        }
        let outputs = root.take("Outputs").unwrap_or(Value::Null);
        root.finish()?;
        let resources = resources
            .into_iter()
            .map(|(name, fields)| Ok((name, RawResource::read(fields)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            parameters,
            conditions,
            globals,
            resources,
            outputs,
        })
    }

    /// Works out every value and reads the parts that the local cloud serves.
    pub fn resolve(&self, supplied: &Supplied<'_>) -> Result<Template, Error> {
        let mut resolver = Resolver::new(
            supplied.place,
            supplied.parameters,
            &self.conditions,
            supplied.queue_url,
        )?;
        let mut kept = Vec::new();
        for (name, raw) in &self.resources {
            if raw
                .condition
                .as_ref()
                .map_or(Ok(true), |c| resolver.condition(c, &raw.at))?
            {
                kept.push((name, raw));
            }
        }
        let mut declared = BTreeMap::new();
        for (name, raw) in &kept {
            declared.insert(
                (*name).clone(),
                raw.declare(name, &resolver, supplied.place)?,
            );
        }
        refuse_shared_names(&declared)?;
        resolver.know(declared.clone());

        let globals = Globals::read(resolver.resolve(&self.globals, "Globals")?)?;
        let mut reader = Reader::new(supplied.place, globals, declared);
        for (name, raw) in kept {
            let at = format!("{}.Properties", raw.at);
            let properties = resolver
                .resolve(&raw.properties, &at)?
                .unwrap_or(Value::Null);
            reader.read(name, raw, properties, at)?;
        }
        resolver.resolve(&self.outputs, "Outputs")?;
        reader.finish()
    }
}

impl RawResource {
    fn read(mut fields: Fields) -> Result<Self, Error> {
        let at = fields.at().to_owned();
        fields.accept(&["DependsOn", "DeletionPolicy", "UpdateReplacePolicy"]);
        let resource_type = fields.required_text("Type")?;
        let condition = fields.text("Condition")?;
        let properties = fields.take("Properties").unwrap_or(Value::Null);
        let binary = fields
            .object("Metadata")?
            .object("BuildProperties")?
            .text("Binary")?;
        let property = |name: &str| Some(properties.get(name)?.as_str()?.to_owned());
        let kind = Kind::of(&resource_type, property, &at)?;
        fields.finish()?;
        Ok(Self {
            kind,
            condition,
            binary,
            properties,
            at,
        })
    }

    /// The resource under its physical name.
    fn declare(&self, id: &str, resolver: &Resolver<'_>, place: &Place) -> Result<Declared, Error> {
        let at = format!("{}.Properties", self.at);
        let property = self.kind.name_property();
        let explicit = property.and_then(|property| self.properties.get(property));
        let explicit = explicit
            .map(|name| resolver.resolve(name, &at))
            .transpose()?
            .flatten();
        let name = match (explicit, &self.kind) {
            (Some(name), _) => fields::text_of(name, &at)?,
            (None, Kind::Api { .. }) => "local".to_owned(),
            (None, Kind::Function { .. }) => self.binary.clone().unwrap_or_default(),
            (
                None,
                Kind::Table
                | Kind::Bucket
                | Kind::Queue
                | Kind::UsagePlan
                | Kind::ApiKey
                | Kind::UsagePlanKey
                | Kind::Mapping
                | Kind::Role
                | Kind::Inert,
            ) => {
                format!("{}-{}", place.stack_name, id.to_lowercase())
            }
        };
        Ok(Declared {
            kind: self.kind.clone(),
            name,
        })
    }
}

/// Refuses two resources of one kind with the same physical name: one would silently replace the other.
fn refuse_shared_names(declared: &BTreeMap<String, Declared>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for (id, resource) in declared {
        if resource.kind == Kind::Inert {
            continue;
        }
        let key = (resource.kind.name_property(), resource.name.clone());
        if !seen.insert(key) {
            return Err(Error::at(
                &format!("Resources.{id}"),
                &format!(
                    "has the name {}, which another resource has too",
                    resource.name
                ),
            ));
        }
    }
    Ok(())
}

/// The `Globals` section.
struct Globals {
    function: Value,
    api: Value,
}

impl Globals {
    fn read(section: Option<Value>) -> Result<Self, Error> {
        let mut fields = Fields::of(section.unwrap_or(Value::Null), "Globals")?;
        let function = fields.take("Function").unwrap_or(Value::Null);
        let api = fields.take("Api").unwrap_or(Value::Null);
        fields.finish()?;
        for name in ["FunctionName", "Policies", "Role", "Events"] {
            if function.get(name).is_some() {
                let at = format!("Globals.Function.{name}");
                return Err(Error::at(
                    &at,
                    "is not supported: SAM does not take it there",
                ));
            }
        }
        Ok(Self { function, api })
    }
}

/// Collects the resources as they are read.
struct Reader<'a> {
    place: &'a Place,
    globals: Globals,
    declared: BTreeMap<String, Declared>,
    api: Option<(String, api::RawApi)>,
    plans: plans::Plans,
    functions: Vec<functions::Function>,
    mappings: Vec<Fields>,
    roles: Vec<policies::Role>,
    tables: Vec<storage::Table>,
    queues: Vec<storage::Queue>,
    buckets: Vec<storage::Bucket>,
}

impl<'a> Reader<'a> {
    fn new(place: &'a Place, globals: Globals, declared: BTreeMap<String, Declared>) -> Self {
        Self {
            place,
            globals,
            declared,
            api: None,
            plans: plans::Plans::default(),
            functions: Vec::new(),
            mappings: Vec::new(),
            roles: Vec::new(),
            tables: Vec::new(),
            queues: Vec::new(),
            buckets: Vec::new(),
        }
    }

    fn read(
        &mut self,
        id: &str,
        raw: &RawResource,
        properties: Value,
        at: String,
    ) -> Result<(), Error> {
        let name = self
            .declared
            .get(id)
            .map(|known| known.name.clone())
            .unwrap_or_default();
        match raw.kind {
            Kind::Api { .. } => {
                let fields = Fields::of(merged(&self.globals.api, properties), at)?;
                if self.api.is_some() {
                    return Err(Error::at(&raw.at, "is a second API; only one is supported"));
                }
                self.api = Some((id.to_owned(), api::RawApi::read(fields)?));
            }
            Kind::Function { .. } => {
                let fields = Fields::of(merged(&self.globals.function, properties), at)?;
                let binary = raw.binary.clone().ok_or_else(|| {
                    Error::at(
                        &raw.at,
                        "names no binary in Metadata.BuildProperties.Binary",
                    )
                })?;
                self.functions.push(functions::Function::read(
                    fields, id, name, binary, self.place,
                )?);
            }
            Kind::Table => self
                .tables
                .push(storage::Table::read(Fields::of(properties, at)?, name)?),
            Kind::Queue => self
                .queues
                .push(storage::Queue::read(Fields::of(properties, at)?, name)?),
            Kind::Bucket => self
                .buckets
                .push(storage::Bucket::read(Fields::of(properties, at)?, name)?),
            Kind::UsagePlan => self.plans.read_plan(Fields::of(properties, at)?, name)?,
            Kind::ApiKey => self.plans.read_key(Fields::of(properties, at)?, name)?,
            Kind::UsagePlanKey => self.plans.read_member(Fields::of(properties, at)?)?,
            Kind::Mapping => self.mappings.push(Fields::of(properties, at)?),
            Kind::Role => {
                let arn = self.place.named_role(&name);
                let role = policies::Role::read(Fields::of(properties, at)?, arn)?;
                self.roles.push(role);
            }
            Kind::Inert => {}
        }
        Ok(())
    }

    /// Ties routes, mappings and authorizers to their functions and queues.
    fn finish(mut self) -> Result<Template, Error> {
        self.functions.sort_by(|a, b| a.id.cmp(&b.id));
        let mut binaries = BTreeSet::new();
        for function in &self.functions {
            if !binaries.insert(function.binary.as_str()) {
                return Err(Error::at(
                    &format!("Resources.{}", function.id),
                    &format!(
                        "has the binary {}, which another function has too",
                        function.binary
                    ),
                ));
            }
        }
        functions::share_roles(&mut self.functions, self.place)?;
        for mapping in self.mappings {
            functions::read_mapping(mapping, &mut self.functions)?;
        }
        let queues = storage::ordered(self.queues)?;
        functions::check_mappings(&self.functions, &queues)?;
        let api = self
            .api
            .map(|(_, api)| api.tie(&self.functions, &self.roles, self.place))
            .transpose()?;
        let lost = self.functions.iter().find(|f| !f.api_events.is_empty());
        if let (None, Some(function)) = (&api, lost) {
            let at = format!("Resources.{}", function.id);
            return Err(Error::at(
                &at,
                "has an Api event, but the template has no API",
            ));
        }
        let plans = self.plans.tie(api.as_ref())?;
        Ok(Template {
            api,
            plans,
            functions: self.functions,
            tables: self.tables,
            queues,
            buckets: self.buckets,
        })
    }
}

/// Merges a resource's own properties over the global ones: mappings merge, everything else is replaced.
fn merged(global: &Value, own: Value) -> Value {
    match (global, own) {
        (Value::Object(global), Value::Object(mut own)) => {
            for (key, value) in global {
                let value = match own.remove(key) {
                    Some(inner) => merged(value, inner),
                    None => value.clone(),
                };
                own.insert(key.clone(), value);
            }
            Value::Object(own)
        }
        (Value::Array(global), Value::Array(own)) => {
            Value::Array(global.iter().cloned().chain(own).collect())
        }
        (global, Value::Null) => global.clone(),
        (_, own) => own,
    }
}

#[cfg(test)]
mod tests;
