//! TLS before the local AWS, as there is before the real one.
//!
//! Owns the certificates and the listener. Refuses to know the bytes that pass.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use stack::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::cloud::because;

/// The name that functions reach AWS by. It is looked up, as a name of AWS is.
const NAME: &str = "localhost";

/// A listener that opens TLS and hands on what it carries. Dropping it ends it.
pub struct TlsFront {
    /// The address for `AWS_ENDPOINT_URL`.
    pub endpoint: String,
    /// The file for `SSL_CERT_FILE`: the root that the listener's certificate leads to.
    pub roots: PathBuf,
    task: JoinHandle<()>,
}

impl TlsFront {
    /// Opens a listener before the port of this machine that the local AWS listens at. Its root is written
    /// into `folder`.
    pub async fn open(folder: &Path, aws_port: u16) -> Result<Self, Error> {
        let roots = folder.join("roots.pem");
        let acceptor = acceptor(&roots)?;
        let doing = "there is no TLS before the local AWS";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(because(doing))?;
        let port = listener.local_addr().map_err(because(doing))?.port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(hand_on(acceptor.clone(), stream, aws_port));
            }
        });
        let endpoint = format!("https://{NAME}:{port}");
        Ok(Self {
            endpoint,
            roots,
            task,
        })
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection to its end. A function that was ended breaks it off, which is no problem.
async fn hand_on(acceptor: TlsAcceptor, stream: TcpStream, aws_port: u16) {
    let _ = stream.set_nodelay(true);
    let Ok(mut opened) = acceptor.accept(stream).await else {
        return;
    };
    let Ok(mut aws) = TcpStream::connect((Ipv4Addr::LOCALHOST, aws_port)).await else {
        return;
    };
    let _ = aws.set_nodelay(true);
    let _ = tokio::io::copy_bidirectional(&mut opened, &mut aws).await;
}

/// Makes a root, an issuer below it and a certificate, as many as AWS sends and one trusts. The root is
/// written to a file.
fn acceptor(roots: &Path) -> Result<TlsAcceptor, Error> {
    let doing = "a certificate cannot be made";
    let root = authority().map_err(because(doing))?;
    let issuer = CertifiedIssuer::signed_by(authority_params(), key()?, &root);
    let issuer = issuer.map_err(because(doing))?;
    let own_key = key()?;
    let own = CertificateParams::new([NAME.to_owned()])
        .and_then(|params| params.signed_by(&own_key, &issuer))
        .map_err(because(doing))?;
    std::fs::write(roots, root.pem()).map_err(because("a root cannot be written"))?;
    let chain = vec![own.der().clone(), issuer.der().clone()];
    let own_key = PrivatePkcs8KeyDer::from(own_key.serialize_der());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, own_key.into())
        .map_err(because(doing))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    CertifiedIssuer::self_signed(authority_params(), KeyPair::generate()?)
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn key() -> Result<KeyPair, Error> {
    KeyPair::generate().map_err(because("a key cannot be made"))
}
