//! Addresses of a generation's media.
//!
//! Owns the parts of an address, its expiry, and the name under which a file is saved. Refuses to know how
//! an address is signed, and what it leads to.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::names::MediaName;
use super::{Generation, Output, Previews};
use crate::ids::GenerationId;
use crate::time::Timestamp;

/// The longest name of a file among a generation's media.
pub const MEDIA_EXPIRY_S: RangeInclusive<u32> = 60..=604_800;
/// The number of characters of a generation's id in the names under which its files are saved.
const SAVED_ID_CHARS: usize = 8;

/// The secret that signs the addresses of one generation's media: 128 random bits, in hexadecimal. It is
/// made and deleted with the generation.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaSecret(String);

impl MediaSecret {
    /// Makes a secret of these random bits.
    #[must_use]
    pub fn new(entropy: u128) -> Self {
        Self(format!("{entropy:032x}"))
    }

    /// Reads a secret that was written as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    /// The secret as it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MediaSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MediaSecret(…)")
    }
}

/// The address of a file of a generation. Everybody who has the address may fetch the file, until the
/// address expires or the generation is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaAddress {
    /// The generation.
    pub generation: GenerationId,
    /// The file's name.
    pub name: MediaName,
    /// When it expires: a whole second.
    pub expires_at: Timestamp,
}

impl MediaAddress {
    /// Whether it has expired.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }
}

/// An address with a signature, which can be checked with the generation's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAddress {
    /// The address.
    pub address: MediaAddress,
    /// The signature over it.
    pub signature: String,
}

/// The addresses of one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses<Address> {
    /// The address of the file.
    pub file: Address,
    /// The addresses of its thumbnails, in order.
    pub thumbnails: Vec<Address>,
    /// The address of its poster, if it has one.
    pub poster: Option<Address>,
}

impl<Address> Addresses<Address> {
    /// Applies `change` to each address.
    ///
    /// # Errors
    /// The first error of `change`.
    pub fn try_map<Changed, Problem>(
        self,
        change: impl Fn(Address) -> Result<Changed, Problem>,
    ) -> Result<Addresses<Changed>, Problem> {
        let thumbnails = self.thumbnails.into_iter().map(&change);
        Ok(Addresses {
            thumbnails: thumbnails.collect::<Result<_, _>>()?,
            poster: self.poster.map(&change).transpose()?,
            file: change(self.file)?,
        })
    }
}

/// A file among a generation's media, found by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFile {
    /// The place of the output that it is, or that it shows.
    pub place: usize,
    /// Its key in the media bucket.
    pub key: String,
}

impl Output {
    /// The names of its thumbnails, in order, and of its poster.
    fn preview_names(&self) -> (Vec<MediaName>, Option<MediaName>) {
        match &self.previews {
            Previews::Made {
                thumbnails,
                has_poster,
            } => {
                let sides = thumbnails.iter().map(|thumbnail| thumbnail.side);
                let names = sides.map(|side| self.thumbnail_name(side)).collect();
                (names, has_poster.then(|| self.poster_name()))
            }
            Previews::Pending | Previews::None(_) => (Vec::new(), None),
        }
    }
}

impl Generation {
    /// Makes the addresses of its outputs, in order, which expire at `expires_at`.
    #[must_use]
    pub fn addresses(&self, expires_at: Timestamp) -> Vec<Addresses<MediaAddress>> {
        let address = |name| MediaAddress {
            generation: self.id.clone(),
            name,
            expires_at,
        };
        let of_output = |output: &Output| {
            let (thumbnails, poster) = output.preview_names();
            Addresses {
                file: address(output.name()),
                thumbnails: thumbnails.into_iter().map(address).collect(),
                poster: poster.map(address),
            }
        };
        self.outputs.iter().map(of_output).collect()
    }

    /// Finds the file with this name: an output, or a small picture of one.
    #[must_use]
    pub fn file_named(&self, name: &MediaName) -> Option<MediaFile> {
        let mut outputs = self.outputs.iter().enumerate();
        outputs.find_map(|(place, output)| {
            let file = |key| Some(MediaFile { place, key });
            if output.name() == *name {
                return file(output.key.clone());
            }
            let (thumbnails, poster) = output.preview_names();
            let mut names = thumbnails.iter().chain(&poster);
            names.find(|it| *it == name)?;
            file(output.key_beside(name))
        })
    }

    /// The secret with which the addresses of its media are signed and checked. A record from before there
    /// were such addresses has no secret of its own; the digest of its webhook token, which nobody is told,
    /// takes its place.
    #[must_use]
    pub fn media_secret(&self) -> &str {
        let own = self.media_secret.as_ref().map(MediaSecret::as_str);
        own.unwrap_or(&self.webhook_digest)
    }

    /// The name under which an output is saved: its model, a part of its id, and its place if there are
    /// several. It has none of the owner's words, because an address can be passed on.
    #[must_use]
    pub fn saved_as(&self, place: usize, name: &MediaName) -> String {
        let model = &self.model;
        let id = self.id.as_str().to_ascii_lowercase();
        let id = id
            .get(id.len().saturating_sub(SAVED_ID_CHARS)..)
            .unwrap_or_default();
        let place = match self.outputs.len() {
            0 | 1 => String::new(),
            _ => format!("-{}", place + 1),
        };
        let extension = name.as_str().rsplit('.').next().unwrap_or_default();
        let stem = name.as_str().split('.').next().unwrap_or_default();
        let part = stem.split_once('-').map_or("", |(_, part)| part);
        let dash = if part.is_empty() { "" } else { "-" };
        format!("{model}-{id}{place}{dash}{part}.{extension}")
    }
}

/// Returns when addresses expire that are given out `now` and are valid for `expiry`: at a whole second,
/// because an address states its expiry in seconds.
#[must_use]
pub fn addresses_end(now: Timestamp, expiry: Duration) -> Timestamp {
    let end = now.plus(expiry).ms().saturating_add(999);
    Timestamp::from_ms(end / 1_000 * 1_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Thumbnail;
    use super::super::tests::queued;
    use super::*;

    fn delivered(names: &[&str]) -> Generation {
        let output = |name: &&str| Output {
            key: format!("gen_1/{name}"),
            content_type: "image/jpeg".to_owned(),
            size_bytes: 1,
            sha256: String::new(),
            width: None,
            height: None,
            previews: Previews::Made {
                thumbnails: vec![Thumbnail {
                    side: 256,
                    width: 256,
                    height: 256,
                }],
                has_poster: true,
            },
        };
        Generation {
            outputs: names.iter().map(output).collect(),
            ..queued()
        }
    }

    #[test]
    fn an_address_ends_at_a_whole_second_and_leads_to_its_output() {
        let made = delivered(&["0.jpg", "1.png"]);
        let ends_at = addresses_end(Timestamp::from_ms(10_001), Duration::from_secs(60));
        assert_eq!(ends_at, Timestamp::from_ms(71_000));
        let addresses = made.addresses(ends_at);
        for (place, addresses) in addresses.iter().enumerate() {
            let all = addresses.thumbnails.iter().chain(&addresses.poster);
            for address in all.chain([&addresses.file]) {
                assert_eq!(address.expires_at, ends_at);
                assert!(!address.is_over(Timestamp::from_ms(70_999)));
                assert!(address.is_over(ends_at));
                let found = made.file_named(&address.name).expect("its own");
                assert_eq!(found.place, place);
                assert_eq!(found.key, format!("gen_1/{}", address.name.as_str()));
                assert_eq!(
                    MediaName::parse(address.name.as_str()),
                    Some(address.name.clone())
                );
            }
        }
        assert_eq!(addresses.len(), 2);
        for other in ["2.jpg", "0-512.webp", "0-256.jpg", "2-poster.webp"] {
            let other = MediaName::parse(other).expect("a name");
            assert_eq!(made.file_named(&other), None);
        }
    }

    #[test]
    fn files_are_saved_under_names_that_tell_them_apart() {
        let saved =
            |made: &Generation, place: usize| made.saved_as(place, &made.outputs[place].name());
        let one = delivered(&["0.jpg"]);
        assert_eq!(saved(&one, 0), "veo3-00000002.jpg");
        let two = delivered(&["0.jpg", "1.png"]);
        assert_eq!(saved(&two, 0), "veo3-00000002-1.jpg");
        assert_eq!(saved(&two, 1), "veo3-00000002-2.png");
        let small = two.outputs[1].thumbnail_name(256);
        assert_eq!(two.saved_as(1, &small), "veo3-00000002-2-256.webp");
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = MediaSecret::new(7);
        assert_eq!(format!("{secret:?}"), "MediaSecret(…)");
        assert_eq!(MediaSecret::parse(secret.as_str()), Some(secret));
    }

    proptest! {
        #[test]
        fn a_name_leads_nowhere_else(text in "\\PC{0,50}") {
            if let Some(name) = MediaName::parse(&text) {
                prop_assert!(!name.as_str().contains('/') && !name.as_str().is_empty());
            }
        }
    }
}
