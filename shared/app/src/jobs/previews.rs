//! Making small pictures of delivered files. A file of which none can be made is delivered all the same.
//!
//! Owns which files are looked at, and where their pictures are put. The `thumbnails` crate makes a
//! picture. Each picture has its own place, so making it twice writes the same.

use std::ops::Range;

use aws::Fault;
use bytes::Bytes;
use domain::generations::{Generation, NoPreviews, Output, Previewed, Previews, Thumbnail};
use domain::ids::GenerationId;
use store::{System, WriteOutcome};
use thumbnails::{Frame, STILL_BYTES_MAX, SearchStep, ThumbnailFile, Unsuitable, VideoSearch};

use crate::{App, Error, clock};

/// The most attempts to write a record while its owner changes its labels.
const WRITES_MAX: u32 = 10;
const WEBP: &str = "image/webp";

/// Asks a worker for small pictures of the files of a job that was just delivered. If the message cannot be
/// sent, the sweep finds the job.
pub(super) async fn send(app: &App, before: &Generation, next: &Generation) {
    if before.awaits_previews() || !next.awaits_previews() {
        return;
    }
    if let Err(fault) = app.queue().preview(&next.tenant, &next.id).await {
        tracing::warn!(generation = %next.id, fault = fault.chain(), "small pictures are left to the sweep");
    }
}

/// Makes the small pictures that a generation awaits. Doing it again makes none.
///
/// # Errors
/// A fault if something of ours did not answer: the message comes back.
pub async fn preview(app: &App, id: &GenerationId) -> Result<(), Error> {
    let mut found = app.store().job(System, id).await?;
    let outputs = match &found {
        Some(job) if job.awaits_previews() => job.outputs.clone(),
        Some(_) => return Ok(()),
        None => Vec::new(),
    };
    let mut made = Vec::new();
    for (place, output) in outputs.iter().enumerate() {
        if output.previews == Previews::Pending {
            made.push(look(app, place, output).await?);
        }
    }
    for attempt in 0..WRITES_MAX {
        let Some(job) = found else {
            // It was deleted, perhaps while its pictures were made.
            return Ok(app.blobs().delete_media(id, &[]).await?);
        };
        let Some(next) = job.previewed(&made) else {
            return forget_if_expired(app, &job).await;
        };
        if app.store().replace(&next).await? == WriteOutcome::Done {
            return Ok(());
        }
        clock::back_off(attempt).await?;
        found = app.store().job(System, id).await?;
    }
    Err(Fault::new("making small pictures", "the record keeps moving").into())
}

/// Deletes the pictures of files that expired meanwhile.
async fn forget_if_expired(app: &App, job: &Generation) -> Result<(), Error> {
    if job.outputs.is_empty() {
        app.blobs().delete_media(&job.id, &[]).await?;
    }
    Ok(())
}

/// Looks at one file, and puts its small pictures beside it.
async fn look(app: &App, place: usize, output: &Output) -> Result<Previewed, Fault> {
    let none = |why| Previewed {
        place,
        previews: Previews::None(why),
        size: None,
    };
    let frame = match output.is_still() {
        true => still(app, output).await?,
        false => first_frame(app, output).await?,
    };
    let drawn = frame.and_then(|frame| draw(output, frame).map_err(reason));
    let Drawn {
        size,
        poster,
        thumbnails,
    } = match drawn {
        Ok(drawn) => drawn,
        Err(why) => {
            let why_not = why.as_str();
            tracing::info!(key = output.key, why_not, "a file has no small pictures");
            return Ok(none(why));
        }
    };
    let has_poster = poster.is_some();
    let made = thumbnails.iter().map(|file| Thumbnail {
        side: file.side,
        width: file.width,
        height: file.height,
    });
    let made = made.collect();
    let thumbnails = thumbnails.into_iter();
    let thumbnails = thumbnails.map(|file| (output.thumbnail_name(file.side), file));
    let poster = poster.map(|file| (output.poster_name(), file));
    let puts = thumbnails.chain(poster).map(|(name, file)| async move {
        let (key, bytes) = (output.key_beside(&name), Bytes::from(file.webp));
        app.blobs().put_media(&key, WEBP, bytes).await
    });
    futures::future::try_join_all(puts).await?;
    Ok(Previewed {
        place,
        previews: Previews::Made {
            thumbnails: made,
            has_poster,
        },
        size: Some(size),
    })
}

/// The small pictures of a file, drawn.
struct Drawn {
    /// The file's size as it is seen.
    size: (u32, u32),
    /// The first picture of a video.
    poster: Option<ThumbnailFile>,
    thumbnails: Vec<ThumbnailFile>,
}

fn draw(output: &Output, frame: Frame) -> Result<Drawn, Unsuitable> {
    Ok(Drawn {
        size: frame.size(),
        // A still is its own first picture, so it gets no poster.
        poster: (!output.is_still()).then(|| frame.poster()).transpose()?,
        thumbnails: frame.thumbnails()?,
    })
}

async fn still(app: &App, output: &Output) -> Result<Result<Frame, NoPreviews>, Fault> {
    let is_small = usize::try_from(output.size_bytes).is_ok_and(|size| size <= STILL_BYTES_MAX);
    if !is_small {
        return Ok(Err(NoPreviews::TooLarge));
    }
    Ok(match read(app, output, 0..output.size_bytes).await? {
        Some(bytes) => thumbnails::decode(&bytes).map_err(reason),
        None => Err(NoPreviews::Unavailable),
    })
}

/// Returns the first frame of a video, and reads only the bytes that lead to it.
async fn first_frame(app: &App, output: &Output) -> Result<Result<Frame, NoPreviews>, Fault> {
    let mut search = VideoSearch::new(output.size_bytes);
    let mut bytes = Bytes::new();
    loop {
        let range = match search.next(&bytes) {
            Ok(SearchStep::Read(range)) => range,
            Ok(SearchStep::Found(frame)) => return Ok(Ok(frame)),
            Err(why) => return Ok(Err(reason(why))),
        };
        bytes = match read(app, output, range).await? {
            Some(bytes) => bytes,
            None => return Ok(Err(NoPreviews::Unavailable)),
        };
    }
}

/// Reads these bytes of a file, or returns `None` if it was deleted meanwhile.
async fn read(app: &App, output: &Output, range: Range<u64>) -> Result<Option<Bytes>, Fault> {
    match range.is_empty() {
        true => Ok(Some(Bytes::new())),
        false => app.blobs().read_media(&output.key, range).await,
    }
}

const fn reason(why: Unsuitable) -> NoPreviews {
    match why {
        Unsuitable::UnknownFormat | Unsuitable::UnknownCodec => NoPreviews::Unsupported,
        Unsuitable::TooLarge => NoPreviews::TooLarge,
        Unsuitable::NoFrame | Unsuitable::Damaged => NoPreviews::Damaged,
    }
}
