//! Copying one of the provider's files into our bucket, in as many runs as it takes.
//!
//! Owns: a run ends in time and holds one part in memory; the next run continues where it stopped; and
//! every step may be done twice. Refuses to know the purpose of the file, where its progress is kept, and
//! how long to wait for a provider that does not deliver.

use std::future::Future;

use aws::Fault;
use blobs::{Blobs, PART_BYTES, UploadOutcome};
use bytes::Bytes;
use domain::Timestamp;
use domain::generations::{CopyProgress, Media, Output, Previews, ProviderFile};
use provider::Fal;
use provider::media::digest::RunningDigest;
use provider::media::{FileKind, MediaStream, NotFetched, Resume};

use super::copy_record::CopyRecord;
use crate::clock;

/// The most times that a copy begins in one run: once, and again if S3 no longer knows its upload.
const BEGINNINGS_MAX: u32 = 2;

/// The outcome of a run of copying a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileCopied {
    /// The file is copied.
    Done(Output),
    /// It is not copied yet, and why. The next run continues from `progress`, or from the beginning if
    /// there is none.
    NotYet {
        progress: Option<CopyProgress>,
        why: String,
    },
    /// It never will be copied, and why.
    Never(&'static str),
    /// Another worker changed the record that keeps the progress, so it must be read again.
    RecordMoved,
}

/// Copies one source.
pub(crate) struct Copier<'a> {
    pub(crate) fal: &'a Fal,
    pub(crate) blobs: &'a Blobs,
    pub(crate) source: &'a Media,
    /// Its place among the job's files.
    pub(crate) place: usize,
    /// The time by which the run must end. Work that is under way then is dropped, and the next run does it
    /// again.
    pub(crate) stop_at: Timestamp,
}

/// An upload that was begun.
struct OngoingUpload {
    progress: CopyProgress,
    digest: RunningDigest,
}

/// The reason why a run ended without the file.
enum Halt {
    NotYet(String),
    Never(&'static str),
    /// S3 does not know the upload, so its parts are lost.
    Vanished,
    /// The progress could not be written to our own record.
    Faulted(Fault),
    /// Another worker changed our own record.
    RecordMoved,
}

impl From<NotFetched> for Halt {
    fn from(reason: NotFetched) -> Self {
        match reason {
            NotFetched::NotYet(why) => Self::NotYet(why),
            NotFetched::Never(why) => Self::Never(why),
        }
    }
}

impl Copier<'_> {
    /// Continues a copy from `progress`. A file of at most one part is written in one piece. A larger one
    /// is written in parts, and the record is told its progress after each.
    ///
    /// Two runs at once write the same parts into the same upload, and the second to complete it finds it
    /// done.
    ///
    /// # Errors
    /// A fault of the record. If S3 does not take something, it is tried again, like everything that
    /// passes.
    pub(crate) async fn copy(
        &self,
        progress: Option<CopyProgress>,
        record: &mut CopyRecord<'_>,
    ) -> Result<FileCopied, Fault> {
        let mut begun = match progress {
            Some(progress) => self.take_up(progress).await,
            None => None,
        };
        for _ in 0..BEGINNINGS_MAX {
            match self.run(&mut begun, record).await {
                Ok(output) => return Ok(FileCopied::Done(output)),
                Err(Halt::NotYet(why)) => {
                    let progress = begun.map(|begun| begun.progress);
                    return Ok(FileCopied::NotYet { progress, why });
                }
                Err(Halt::Never(why)) => {
                    self.drop_upload(&mut begun).await;
                    return Ok(FileCopied::Never(why));
                }
                Err(Halt::Vanished) => self.drop_upload(&mut begun).await,
                Err(Halt::Faulted(fault)) => return Err(fault),
                Err(Halt::RecordMoved) => return Ok(FileCopied::RecordMoved),
            }
        }
        let why = "what the provider made could not be stored".to_owned();
        Ok(FileCopied::NotYet {
            progress: None,
            why,
        })
    }

    /// Returns the upload that an earlier run left, unless its digest has a form that is no longer read.
    async fn take_up(&self, progress: CopyProgress) -> Option<OngoingUpload> {
        if let Some(digest) = RunningDigest::parse(&progress.digest) {
            return Some(OngoingUpload { progress, digest });
        }
        tracing::warn!("a copy begins again: nobody can read its digest any more");
        give_up(self.blobs, &progress).await;
        None
    }

    async fn drop_upload(&self, begun: &mut Option<OngoingUpload>) {
        if let Some(begun) = begun.take() {
            give_up(self.blobs, &begun.progress).await;
        }
    }

    async fn run(
        &self,
        begun: &mut Option<OngoingUpload>,
        record: &mut CopyRecord<'_>,
    ) -> Result<Output, Halt> {
        if let Some(whole) = begun.as_ref().filter(|begun| begun.progress.is_whole) {
            return self.complete(whole).await;
        }
        let mut stream = self.open(begun).await?;
        let begun = match begun {
            Some(begun) => begun,
            None => {
                let first = self.part(&mut stream).await?;
                let first = first.ok_or_else(|| not_yet("what the provider made is empty"))?;
                // An error page of the provider may look like a file, and it passes, so this is tried
                // again.
                let kind = FileKind::of(&first)
                    .ok_or_else(|| not_yet("what the provider made is no known media type"))?;
                let key = record.key(self.place, kind.extension());
                if first.len() < PART_BYTES || stream.size_bytes() == Some(size_of(&first)) {
                    return self.put(key, kind, first).await;
                }
                let begun = begun.insert(self.begin(key, kind, &stream).await?);
                self.put_part(begun, first, record).await?;
                begun
            }
        };
        while !begun.progress.is_whole {
            match self.part(&mut stream).await? {
                Some(part) => self.put_part(begun, part, record).await?,
                None => begun.progress.is_whole = true,
            }
        }
        self.complete(begun).await
    }

    /// Opens the source where the upload ends. If the source is another file now, the upload is dropped.
    async fn open(&self, begun: &mut Option<OngoingUpload>) -> Result<MediaStream, Halt> {
        let resume = begun.as_ref().map(|OngoingUpload { progress, .. }| Resume {
            offset_bytes: progress.copied_bytes,
            etag: progress.source_etag.clone(),
            size_bytes: progress.source_bytes,
        });
        let opened = self.fal.open_media(&self.source.url, resume.as_ref());
        let mut stream = self.in_time(opened).await??;
        match resume {
            Some(resume) if stream.continues() => {
                // If the server cannot leave out the copied bytes, they are read over, and not hashed
                // again.
                self.in_time(stream.skip_to(resume.offset_bytes)).await??;
            }
            Some(_) => {
                tracing::warn!("a copy begins again: the provider's file has changed");
                self.drop_upload(begun).await;
            }
            None => {}
        }
        Ok(stream)
    }

    /// Returns the next part of the source, or `None` at its end.
    async fn part(&self, stream: &mut MediaStream) -> Result<Option<Bytes>, Halt> {
        Ok(self.in_time(stream.next_part(PART_BYTES)).await??)
    }

    /// Writes a file of one part in one piece.
    async fn put(&self, key: String, kind: FileKind, bytes: Bytes) -> Result<Output, Halt> {
        let put = self
            .blobs
            .put_media(&key, kind.content_type(), bytes.clone());
        self.in_time(put).await?.map_err(not_stored)?;
        let mut digest = RunningDigest::default();
        digest.update(&bytes);
        Ok(Output {
            key,
            content_type: kind.content_type().to_owned(),
            size_bytes: size_of(&bytes),
            sha256: digest.finish(),
            width: self.source.width,
            height: self.source.height,
            previews: Previews::Pending,
        })
    }

    async fn begin(
        &self,
        key: String,
        kind: FileKind,
        stream: &MediaStream,
    ) -> Result<OngoingUpload, Halt> {
        let begin = self.blobs.begin_media(&key, kind.content_type());
        let upload_id = self.in_time(begin).await?.map_err(not_stored)?;
        let digest = RunningDigest::default();
        let progress = CopyProgress {
            key,
            content_type: kind.content_type().to_owned(),
            upload_id,
            etags: Vec::new(),
            copied_bytes: 0,
            digest: digest.to_text(),
            source_etag: stream.etag().map(str::to_owned),
            source_bytes: stream.size_bytes(),
            is_whole: false,
        };
        Ok(OngoingUpload { progress, digest })
    }

    /// Writes a part, and notes it in the record.
    async fn put_part(
        &self,
        begun: &mut OngoingUpload,
        part: Bytes,
        record: &mut CopyRecord<'_>,
    ) -> Result<(), Halt> {
        let OngoingUpload { progress, digest } = begun;
        let number = u16::try_from(progress.etags.len() + 1);
        let number = number.map_err(|_| Halt::Never("what the provider made is too large"))?;
        let (key, id) = (&progress.key, &progress.upload_id);
        let put = self.blobs.put_media_part(key, id, number, part.clone());
        let etag = match self.in_time(put).await?.map_err(not_stored)? {
            UploadOutcome::Done(etag) => etag,
            UploadOutcome::Vanished => return Err(Halt::Vanished),
        };
        digest.update(&part);
        progress.etags.push(etag);
        progress.copied_bytes += size_of(&part);
        progress.digest = digest.to_text();
        progress.is_whole =
            part.len() < PART_BYTES || progress.source_bytes == Some(progress.copied_bytes);
        let kept = ProviderFile::Pending {
            media: self.source.clone(),
            progress: Some(progress.clone()),
        };
        match record.keep(self.place, kept).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Halt::RecordMoved),
            Err(fault) => Err(Halt::Faulted(fault)),
        }
    }

    async fn complete(
        &self,
        OngoingUpload { progress, digest }: &OngoingUpload,
    ) -> Result<Output, Halt> {
        let complete = self.blobs.complete_media(
            &progress.key,
            &progress.upload_id,
            &progress.etags,
            progress.copied_bytes,
        );
        match self.in_time(complete).await?.map_err(not_stored)? {
            UploadOutcome::Done(()) => Ok(Output {
                key: progress.key.clone(),
                content_type: progress.content_type.clone(),
                size_bytes: progress.copied_bytes,
                sha256: digest.clone().finish(),
                width: self.source.width,
                height: self.source.height,
                previews: Previews::Pending,
            }),
            UploadOutcome::Vanished => Err(Halt::Vanished),
        }
    }

    /// Waits for something, but not longer than the run may take.
    async fn in_time<T>(&self, something: impl Future<Output = T>) -> Result<T, Halt> {
        let late = "what the provider made could not be copied in one go";
        let left = self.stop_at.since(clock::now());
        if left.is_zero() {
            return Err(not_yet(late));
        }
        let waited = tokio::time::timeout(left, something).await;
        waited.map_err(|_| not_yet(late))
    }
}

/// Gives up an upload that no run will continue. If S3 does not do it, the bucket's own rule does a day
/// later.
pub(crate) async fn give_up(blobs: &Blobs, progress: &CopyProgress) {
    let aborted = blobs.abort_media(&progress.key, &progress.upload_id).await;
    if let Err(fault) = aborted {
        tracing::warn!(
            fault = fault.chain(),
            "an upload is left to its bucket to forget"
        );
    }
}

fn size_of(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn not_yet(why: &str) -> Halt {
    Halt::NotYet(why.to_owned())
}

/// Logs the message of S3, and returns a reason without it: the reason may be shown to the client one day.
fn not_stored(fault: Fault) -> Halt {
    tracing::warn!(fault = fault.chain(), "S3 did not take what was copied");
    not_yet("what the provider made could not be stored")
}
