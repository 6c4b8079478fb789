//! Styles, as clients send and see them.

use std::collections::BTreeMap;

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::ids::{TeamId, Tenant};
use domain::styles::{
    AnyStyle, Block, BlockText, Blocks, Keywords, Preset, Style, StyleChange, StyleDescription,
    StyleDetails, StyleName, StyleTags,
};
use domain::{Patch, Refusal, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::{Problems, patch};
use crate::codes::Code;
use crate::endpoint::{Created, Endpoint, Nothing};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;
use crate::time;
use crate::webhook_endpoints::team_called;

/// The caller's own styles, or those of a team, newest first.
pub const LIST: Endpoint<Caller, List<StyleView>> = Endpoint::user("GET /styles", Scope::Read);
/// Makes a style.
pub const CREATE: Endpoint<Caller, Created<StyleView>, CreateStyle> =
    Endpoint::user("POST /styles", Scope::Generate);
/// One style: the caller's own, a team's, or a preset.
pub const GET: Endpoint<Caller, StyleView> = Endpoint::user("GET /styles/{style_id}", Scope::Read);
/// Changes a style.
pub const UPDATE: Endpoint<Caller, StyleView, UpdateStyle> =
    Endpoint::user("PATCH /styles/{style_id}", Scope::Generate);
/// Deletes a style.
pub const DELETE: Endpoint<Caller, Nothing> =
    Endpoint::user("DELETE /styles/{style_id}", Scope::Generate);
/// The styles that every user has.
pub const PRESETS: Endpoint<Caller, List<StyleView>> =
    Endpoint::user("GET /style-presets", Scope::Read);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| operation.names::<schema::StyleId>("style_id", "The style.");
    let tag = tags::STYLES;
    vec![
        tag.operation(&LIST, "stylesList", "Your styles")
            .asks::<schema::TeamId>("team_id", "Those of a team that you are in, instead of your own.")
            .pages()
            .answers("A page, newest first.")
            .refuses(&[Code::NotFound]),
        tag.operation(&CREATE, "stylesCreate", "Make a style")
            .says(
                "`blocks` must have at least one text or keyword. With `team_id` every member of the team can use it, and you \
                 and the team's editors can change it. Its owner stays the same: to have it elsewhere, make another.",
            )
            .answers("The style.")
            .refuses(&[Code::NotFound, Code::Conflict]),
        one(tag.operation(&GET, "stylesGet", "One style")).answers("The style."),
        one(tag.operation(&UPDATE, "stylesUpdate", "Change a style"))
            .says(
                "A field that is not there keeps its value; null removes a description or tags, and `blocks` are replaced as a \
                 whole. Generations that were made with it stay as they are. Presets cannot be changed.",
            )
            .answers("The style as it is now."),
        one(tag.operation(&DELETE, "stylesDelete", "Delete a style"))
            .says("Generations that were made with it stay as they are. Presets cannot be deleted.")
            .answers("It is gone."),
        tag.operation(&PRESETS, "stylesPresets", "Styles that every user has")
            .pages()
            .answers("A page, in a fixed order."),
    ]
}

/// The query of `GET /styles`.
#[derive(Debug)]
pub struct WantedStyles {
    /// The team whose styles are wanted.
    pub team: Option<TeamId>,
    /// Where the page starts.
    pub cursor: Option<String>,
    /// The greatest length of the page.
    pub limit: u32,
}

/// Reads the query of `GET /styles`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is wrong, [`Refusal::NoSuch`] for a malformed id.
pub fn check_query(mut query: Query) -> Result<WantedStyles, Refusal> {
    let team = query.text("team_id");
    let page = (query.text("cursor"), query.limit());
    let (cursor, limit) = query.finish(page)?;
    Ok(WantedStyles {
        team: team.as_deref().map(team_called).transpose()?,
        cursor,
        limit,
    })
}

/// The texts and keywords of a style: at least one of either.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NewStyleBlocks", deny_unknown_fields, extend("minProperties" = 1))]
pub struct NewBlocks {
    /// The subject.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["a harbour town in winter"]))]
    pub description: Option<String>,
    /// The artistic manner.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["ink and wash on rough paper"]))]
    pub style: Option<String>,
    /// The position of the camera, and its lens.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["low angle, 35 mm lens"]))]
    pub camera: Option<String>,
    /// The light and its direction.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["a low sun from behind"]))]
    pub lighting: Option<String>,
    /// The place.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["a quay in deep snow"]))]
    pub setting: Option<String>,
    /// The movement, only for videos.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["slow pan to the left"]))]
    pub motion: Option<String>,
    /// Words that are written in the picture.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["OPEN"]))]
    pub text: Option<String>,
    /// Words and phrases.
    #[schemars(with = "Option<schema::Keywords>")]
    pub keywords: Option<Vec<String>>,
}

impl NewBlocks {
    fn check(self, problems: &mut Problems) -> Option<Blocks> {
        let given = [
            (Block::Description, self.description),
            (Block::Style, self.style),
            (Block::Camera, self.camera),
            (Block::Lighting, self.lighting),
            (Block::Setting, self.setting),
            (Block::Motion, self.motion),
            (Block::Text, self.text),
        ];
        let given = given
            .into_iter()
            .filter_map(|(block, text)| Some((block, text?)));
        let read = given.map(|(block, text)| {
            let text = problems.valid(BlockText::parse(block, &text));
            text.map(|text| (block, text))
        });
        // Every text is read before the first problem ends the check, so that each problem is reported.
        let read: Vec<_> = read.collect();
        let keywords = problems.valid(Keywords::parse(&self.keywords.unwrap_or_default()))?;
        let texts: Option<BTreeMap<_, _>> = read.into_iter().collect();
        problems.valid(Blocks::new(texts?, keywords))
    }
}

/// `POST /styles`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateStyle {
    /// Its name.
    #[schemars(with = "schema::StyleName")]
    pub name: Option<String>,
    /// Its purpose.
    #[schemars(with = "Option<schema::StyleDescription>")]
    pub description: Option<String>,
    /// Its texts and keywords.
    #[schemars(with = "NewBlocks")]
    pub blocks: Option<NewBlocks>,
    /// The team that will own it; you own it if not given.
    #[schemars(with = "Option<schema::TeamId>")]
    pub team_id: Option<String>,
    /// Its tags.
    #[schemars(with = "Option<schema::StyleTags>")]
    pub tags: Option<Vec<String>>,
}

impl CreateStyle {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<(StyleDetails, Option<TeamId>), Refusal> {
        let mut problems = Problems::default();
        let name = problems
            .required("name", self.name)
            .and_then(|text| problems.valid(StyleName::parse(&text)));
        let description = self
            .description
            .and_then(|text| problems.valid(StyleDescription::parse(&text)));
        let blocks = problems
            .required("blocks", self.blocks)
            .and_then(|blocks| blocks.check(&mut problems));
        let tags = problems.valid(StyleTags::parse(&self.tags.unwrap_or_default()));
        let details = name.zip(blocks).zip(tags);
        let details = problems.or(details.map(|((name, blocks), tags)| StyleDetails {
            name,
            description,
            blocks,
            tags,
        }))?;
        let team = self.team_id.as_deref().map(team_called).transpose()?;
        Ok((details, team))
    }
}

/// `PATCH /styles/{id}`: a field that is not there keeps its value; null removes a description or tags.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateStyle {
    /// Its name.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::StyleName")]
    pub name: Patch<String>,
    /// Its purpose.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::StyleDescription>")]
    pub description: Patch<String>,
    /// All its texts and keywords. They replace those that it has.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "NewBlocks")]
    pub blocks: Patch<NewBlocks>,
    /// All its tags. They replace those that it has.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::StyleTags>")]
    pub tags: Patch<Vec<String>>,
}

impl UpdateStyle {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<StyleChange, Refusal> {
        let mut problems = Problems::default();
        let name = problems.given("name", self.name);
        let name = name.and_then(|text| problems.valid(StyleName::parse(&text)));
        let description = problems.patch(self.description, |text| StyleDescription::parse(&text));
        let blocks = problems.given("blocks", self.blocks);
        let blocks = blocks.and_then(|blocks| blocks.check(&mut problems));
        let tags = self.tags.or_default();
        let tags = tags.and_then(|tags| problems.valid(StyleTags::parse(&tags)));
        problems.or(Some(StyleChange {
            name,
            description,
            blocks,
            tags,
        }))
    }
}

/// The texts and keywords of a style.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StyleBlocks")]
pub struct BlocksView {
    /// The subject.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["a harbour town in winter"]))]
    pub description: Option<String>,
    /// The artistic manner.
    #[schemars(with = "Option<schema::BlockText>")]
    pub style: Option<String>,
    /// The position of the camera, and its lens.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["low angle, 35 mm lens"]))]
    pub camera: Option<String>,
    /// The light and its direction.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["a low sun from behind"]))]
    pub lighting: Option<String>,
    /// The place.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["a quay in deep snow"]))]
    pub setting: Option<String>,
    /// The movement, only for videos.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["slow pan to the left"]))]
    pub motion: Option<String>,
    /// Words that are written in the picture.
    #[schemars(with = "Option<schema::BlockText>", extend("examples" = ["OPEN"]))]
    pub text: Option<String>,
    /// Words and phrases.
    #[schemars(with = "schema::Keywords")]
    pub keywords: Vec<String>,
}

impl From<&Blocks> for BlocksView {
    fn from(blocks: &Blocks) -> Self {
        let text = |block| blocks.text(block).map(str::to_owned);
        Self {
            description: text(Block::Description),
            style: text(Block::Style),
            camera: text(Block::Camera),
            lighting: text(Block::Lighting),
            setting: text(Block::Setting),
            motion: text(Block::Motion),
            text: text(Block::Text),
            keywords: blocks.keywords().as_slice().to_vec(),
        }
    }
}

/// A style, as users who may use it see it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Style")]
pub struct StyleView {
    /// `sty_…`, for the field `style_id` of a generation.
    #[schemars(with = "schema::StyleId")]
    pub id: String,
    /// Always `style`.
    #[schemars(extend("const" = "style"))]
    pub object: String,
    /// Its name.
    #[schemars(with = "schema::StyleName")]
    pub name: String,
    /// Its purpose.
    #[schemars(with = "Option<schema::StyleDescription>")]
    pub description: Option<String>,
    /// Its texts and keywords.
    pub blocks: BlocksView,
    /// The team that owns it; null if a user owns it, or if it is a preset.
    #[schemars(with = "Option<schema::TeamId>", extend("examples" = [null]))]
    pub team_id: Option<String>,
    /// The user who made it; null if it is a preset.
    #[schemars(with = "Option<schema::UserId>")]
    pub author_id: Option<String>,
    /// Whether it is a preset, which every user has and nobody can change.
    #[schemars(example = false)]
    pub preset: bool,
    /// Its tags.
    #[schemars(with = "schema::StyleTags")]
    pub tags: Vec<String>,
    /// The time at which the style was made.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The time of the style's last change.
    #[schemars(with = "schema::Time")]
    pub updated_at: String,
}

impl StyleView {
    /// Returns the view of a style without an owner that was made and changed at these times.
    fn new(
        id: String,
        details: &StyleDetails,
        created_at: Timestamp,
        updated_at: Timestamp,
    ) -> Self {
        let description = details.description.as_ref();
        Self {
            id,
            object: "style".to_owned(),
            name: details.name.as_str().to_owned(),
            description: description.map(|description| description.as_str().to_owned()),
            blocks: BlocksView::from(&details.blocks),
            team_id: None,
            author_id: None,
            preset: true,
            tags: details.tags.as_slice().to_vec(),
            created_at: time::format(created_at),
            updated_at: time::format(updated_at),
        }
    }
}

impl From<&Preset> for StyleView {
    fn from(preset: &Preset) -> Self {
        let at = Preset::WRITTEN_AT;
        Self::new(preset.id.to_string(), &preset.details, at, at)
    }
}

impl From<&Style> for StyleView {
    fn from(style: &Style) -> Self {
        let id = style.id.to_string();
        Self {
            team_id: match &style.tenant {
                Tenant::User(_) => None,
                Tenant::Team(team) => Some(team.to_string()),
            },
            author_id: Some(style.made_by.to_string()),
            preset: false,
            ..Self::new(id, &style.details, style.created_at, style.updated_at)
        }
    }
}

impl From<&AnyStyle> for StyleView {
    fn from(style: &AnyStyle) -> Self {
        match style {
            AnyStyle::Made(style) => Self::from(style),
            AnyStyle::Preset(preset) => Self::from(preset),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::FieldCode;

    use super::*;
    use crate::body;

    fn refused(text: &str) -> Vec<(String, FieldCode)> {
        let read = body::parse::<CreateStyle>(text.as_bytes());
        match read.and_then(CreateStyle::check) {
            Err(Refusal::Invalid(problems)) => {
                let named = problems.into_iter();
                named.map(|problem| (problem.field, problem.code)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_field_that_is_wrong_is_named() {
        let body = r#"{"name":"","blocks":{"camera":" ","text":"a\tb","keywords":["a","a"]},"tags":["x","x"]}"#;
        let expected = [
            ("name", FieldCode::TooShort),
            ("blocks.camera", FieldCode::TooShort),
            ("blocks.text", FieldCode::Malformed),
            ("blocks.keywords[1]", FieldCode::NotAllowed),
            ("tags[1]", FieldCode::NotAllowed),
        ];
        assert_eq!(
            refused(body),
            expected.map(|(field, code)| (field.to_owned(), code))
        );
        let empty = [("blocks".to_owned(), FieldCode::TooShort)];
        assert_eq!(refused(r#"{"name":"a","blocks":{"camera":null}}"#), empty);
        let unknown = [("blocks.mood".to_owned(), FieldCode::Unknown)];
        assert_eq!(refused(r#"{"name":"a","blocks":{"mood":"x"}}"#), unknown);
    }

    #[test]
    fn a_change_cannot_take_what_must_be_there() {
        let read = body::parse::<UpdateStyle>(br#"{"name":null,"blocks":null,"description":null}"#);
        let Err(Refusal::Invalid(problems)) = read.and_then(UpdateStyle::check) else {
            panic!("accepted")
        };
        let named: Vec<_> = problems
            .iter()
            .map(|problem| problem.field.as_str())
            .collect();
        assert_eq!(named, ["name", "blocks"]);
        let read = body::parse::<UpdateStyle>(br#"{"description":null}"#);
        let change = read.and_then(UpdateStyle::check).expect("fine");
        assert_eq!((change.name, change.description), (None, Patch::Clear));
    }
}
