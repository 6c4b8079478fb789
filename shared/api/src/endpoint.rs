//! An endpoint, declared once: its route, who may call it, what it reads and what it answers.
//!
//! Owns the declaration and the types that appear in it. The functions serve the declared endpoints, and
//! the OpenAPI document describes them. Refuses to know how an endpoint does its work.

use std::marker::PhantomData;

use domain::Refusal;
use domain::accounts::Scope;
use domain::callers::{Admin, Caller, Everybody, Person};
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One endpoint: callers of the type `Who` may call it, it answers `A`, and it reads the body `B`.
#[derive(Debug)]
pub struct Endpoint<Who, A, B = Nothing> {
    route: &'static str,
    also: Option<&'static str>,
    audience: Audience,
    types: PhantomData<fn(Who, B) -> A>,
}

impl<A, B> Endpoint<Everybody, A, B> {
    /// Declares an endpoint for everybody. A route is a method and a path, such as `GET /models/{model}`.
    #[must_use]
    pub const fn public(route: &'static str) -> Self {
        Self::new(route, Audience::Public)
    }
}

impl<A, B> Endpoint<Caller, A, B> {
    /// Declares an endpoint for users, with an access token or with an API key of this scope.
    #[must_use]
    pub const fn user(route: &'static str, scope: Scope) -> Self {
        Self::new(route, Audience::User(scope))
    }
}

impl<A, B> Endpoint<Person, A, B> {
    /// Declares an endpoint for users in person: an API key is not enough.
    #[must_use]
    pub const fn person(route: &'static str) -> Self {
        Self::new(route, Audience::Person)
    }
}

impl<A, B> Endpoint<Admin, A, B> {
    /// Declares an endpoint for the platform's admins in person.
    #[must_use]
    pub const fn admin(route: &'static str) -> Self {
        Self::new(route, Audience::Admin)
    }
}

impl<Who, A, B> Endpoint<Who, A, B> {
    const fn new(route: &'static str, audience: Audience) -> Self {
        Self {
            route,
            also: None,
            audience,
            types: PhantomData,
        }
    }

    /// Serves the same endpoint on a second path, too.
    #[must_use]
    pub const fn also(mut self, path: &'static str) -> Self {
        self.also = Some(path);
        self
    }

    /// Returns the method, in capitals.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.route.split(' ').next().unwrap_or_default()
    }

    /// Returns the path, with its parameters in braces.
    #[must_use]
    pub fn path(&self) -> &'static str {
        self.route.split(' ').nth(1).unwrap_or_default()
    }

    /// Returns the audience.
    #[must_use]
    pub fn audience(&self) -> Audience {
        self.audience
    }

    /// Returns whether a request to this resource of the gateway is for this endpoint. HEAD is answered
    /// like GET.
    #[must_use]
    pub fn serves(&self, method: &str, resource: &str) -> bool {
        let method = if method == "HEAD" { "GET" } else { method };
        let is_it = |path: &str| {
            let (declared, asked) = (path.split('/'), resource.split('/'));
            declared.clone().count() == asked.clone().count()
                && declared
                    .zip(asked)
                    .all(|(declared, asked)| declared == asked || declared.starts_with('{'))
        };
        method == self.method() && (is_it(self.path()) || self.also.is_some_and(is_it))
    }
}

impl<Who: Access, A, B> Endpoint<Who, A, B> {
    /// Admits a caller that the authorizer has established, or refuses them.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] if a credential is needed and there is none, [`Refusal::Forbidden`] if the
    /// credential is not enough.
    pub fn admit(&self, caller: Option<Caller>) -> Result<Who, Refusal> {
        Who::admit(caller, self.audience)
    }
}

/// The callers that an endpoint is for, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    Public,
    /// A user, with an access token or an API key that has this scope.
    User(Scope),
    /// A user in person, with an access token.
    Person,
    /// A platform admin in person.
    Admin,
}

/// The callers that an endpoint is for, as a type: its handler is given a value of it.
pub trait Access: Sized {
    /// Admits a caller, or refuses them.
    ///
    /// # Errors
    /// As [`Endpoint::admit`].
    fn admit(caller: Option<Caller>, audience: Audience) -> Result<Self, Refusal>;
}

impl Access for Everybody {
    fn admit(_: Option<Caller>, _: Audience) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

impl Access for Caller {
    fn admit(caller: Option<Caller>, audience: Audience) -> Result<Self, Refusal> {
        let caller = caller.ok_or(Refusal::Unauthorized)?;
        match audience {
            Audience::User(scope) if caller.may(scope) => Ok(caller),
            Audience::User(_) | Audience::Public | Audience::Person | Audience::Admin => {
                Err(Refusal::Forbidden)
            }
        }
    }
}

impl Access for Person {
    fn admit(caller: Option<Caller>, _: Audience) -> Result<Self, Refusal> {
        caller.ok_or(Refusal::Unauthorized)?.in_person()
    }
}

impl Access for Admin {
    fn admit(caller: Option<Caller>, _: Audience) -> Result<Self, Refusal> {
        caller.ok_or(Refusal::Unauthorized)?.in_person()?.as_admin()
    }
}

/// A body that an endpoint reads.
pub trait Body {
    /// The type that the handler is given.
    type Read;

    /// Reads it from the bytes of the request, which must be JSON.
    ///
    /// # Errors
    /// A refusal that names the problem.
    fn read(bytes: &[u8]) -> Result<Self::Read, Refusal>;

    /// Returns the value to use if no body was sent, or `None` if a body must be sent.
    #[must_use]
    fn absent() -> Option<Self::Read> {
        None
    }

    /// Returns its schema: `None` if there is no body, or if others define its form.
    fn schema(schemas: &mut SchemaGenerator) -> Option<Value>;
}

impl<T: DeserializeOwned + JsonSchema> Body for T {
    type Read = T;

    fn read(bytes: &[u8]) -> Result<T, Refusal> {
        crate::body::parse(bytes)
    }

    fn schema(schemas: &mut SchemaGenerator) -> Option<Value> {
        Some(schemas.subschema_for::<T>().to_value())
    }
}

/// A body that may be left out.
#[derive(Debug)]
pub struct Optional<T>(PhantomData<T>);

impl<T: DeserializeOwned + JsonSchema + Default> Body for Optional<T> {
    type Read = T;

    fn read(bytes: &[u8]) -> Result<T, Refusal> {
        T::read(bytes)
    }

    fn absent() -> Option<T> {
        Some(T::default())
    }

    fn schema(schemas: &mut SchemaGenerator) -> Option<Value> {
        <T as Body>::schema(schemas)
    }
}

/// A body whose form others define: its signature is checked over its bytes, and the document does not
/// describe it.
#[derive(Debug)]
pub struct Signed;

impl Body for Signed {
    type Read = ();

    fn read(_: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn schema(_: &mut SchemaGenerator) -> Option<Value> {
        None
    }
}

/// An answer, or several of which a handler gives one.
pub trait Answer {
    /// Returns the status of each answer, and the schema of its body if that is JSON that we define.
    fn each(schemas: &mut SchemaGenerator) -> Vec<(u16, Option<Value>)>;
}

impl<T: JsonSchema> Answer for T {
    fn each(schemas: &mut SchemaGenerator) -> Vec<(u16, Option<Value>)> {
        vec![(200, Some(schemas.subschema_for::<T>().to_value()))]
    }
}

/// `T` as JSON, with a status other than 200.
#[derive(Debug)]
pub struct Json<const STATUS: u16, T>(PhantomData<T>);

/// The answer when something was created.
pub type Created<T> = Json<201, T>;
/// The answer when something was begun.
pub type Accepted<T> = Json<202, T>;

impl<const STATUS: u16, T: JsonSchema> Answer for Json<STATUS, T> {
    fn each(schemas: &mut SchemaGenerator) -> Vec<(u16, Option<Value>)> {
        vec![(STATUS, Some(schemas.subschema_for::<T>().to_value()))]
    }
}

/// An answer without a body.
#[derive(Debug)]
pub struct Empty<const STATUS: u16>;

/// No body: the request has nothing to read, or the answer nothing to say.
pub type Nothing = Empty<204>;

impl<const STATUS: u16> Answer for Empty<STATUS> {
    fn each(_: &mut SchemaGenerator) -> Vec<(u16, Option<Value>)> {
        vec![(STATUS, None)]
    }
}

impl Body for Nothing {
    type Read = ();

    fn read(_: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn schema(_: &mut SchemaGenerator) -> Option<Value> {
        None
    }
}

/// Text that the endpoint's operation describes by itself.
#[derive(Debug)]
pub struct Text;

impl Answer for Text {
    fn each(_: &mut SchemaGenerator) -> Vec<(u16, Option<Value>)> {
        vec![(200, None)]
    }
}

/// One of two answers.
#[derive(Debug)]
pub struct Either<A, B>(PhantomData<(A, B)>);

impl<A: Answer, B: Answer> Answer for Either<A, B> {
    fn each(schemas: &mut SchemaGenerator) -> Vec<(u16, Option<Value>)> {
        let mut each = A::each(schemas);
        each.extend(B::each(schemas));
        each
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_serves_its_own_routes_and_no_others() {
        let endpoint: Endpoint<Everybody, Nothing> =
            Endpoint::public("GET /models/{model}").also("/models");
        for (method, resource, expected) in [
            ("GET", "/models/{model}", true),
            ("GET", "/models/veo3", true),
            ("HEAD", "/models", true),
            ("POST", "/models", false),
            ("GET", "/models/{model}/prices", false),
            ("GET", "/credits/{model}", false),
            ("GET", "/", false),
        ] {
            assert_eq!(
                endpoint.serves(method, resource),
                expected,
                "{method} {resource}"
            );
        }
    }
}
