//! The ancestors of a generation, as clients see them.

use domain::generations::Generation;
use domain::ids::GenerationId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;
use crate::time;

/// An ancestor of a generation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Ancestor")]
pub struct AncestorView {
    /// `gen_…`.
    #[schemars(with = "schema::GenerationId")]
    pub id: String,
    /// Always `generation`.
    #[schemars(extend("const" = "generation"))]
    pub object: String,
    /// Whether you may see it. If not, or if it was deleted, the rest is null, and the chain ends here.
    pub visible: bool,
    /// The model's id.
    #[schemars(with = "Option<schema::ModelId>")]
    pub model: Option<String>,
    /// The name that its owner gave it.
    #[schemars(with = "Option<schema::Title>")]
    pub title: Option<String>,
    /// The user who asked for it; null if its project, or the user who shares it with your team, hides
    /// that.
    #[schemars(with = "Option<schema::UserId>")]
    pub author_id: Option<String>,
    /// Its relation to its own parent.
    #[schemars(with = "Option<schema::GenerationIntent>")]
    pub intent: Option<String>,
    /// A description of the change from its parent.
    #[schemars(extend("examples" = [null]))]
    pub change_description: Option<String>,
    /// The generation that it is derived from.
    #[schemars(with = "Option<schema::GenerationId>", extend("examples" = [null]))]
    pub parent_generation_id: Option<String>,
    /// The time at which it was accepted.
    #[schemars(with = "Option<schema::Time>")]
    pub created_at: Option<String>,
}

impl AncestorView {
    /// Returns the view of an ancestor that the client may see.
    #[must_use]
    pub fn seen(generation: &Generation, shows_author: bool) -> Self {
        let request = &generation.request;
        let title = generation.title.as_ref();
        Self {
            id: generation.id.to_string(),
            object: "generation".to_owned(),
            visible: true,
            model: Some(generation.model.clone()),
            title: title.map(|title| title.as_str().to_owned()),
            author_id: shows_author.then(|| generation.author.to_string()),
            intent: Some(request.intent.as_str().to_owned()),
            change_description: request.change_description.clone(),
            parent_generation_id: request.parent.as_ref().map(ToString::to_string),
            created_at: Some(time::format(generation.created_at)),
        }
    }

    /// Returns the view of an ancestor that the client may not see, or that is gone.
    #[must_use]
    pub fn hidden(id: &GenerationId) -> Self {
        Self {
            id: id.to_string(),
            object: "generation".to_owned(),
            visible: false,
            model: None,
            title: None,
            author_id: None,
            intent: None,
            change_description: None,
            parent_generation_id: None,
            created_at: None,
        }
    }
}
