//! A server on this machine that answers by a function.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// It ends with this value.
pub(crate) struct Server {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(
        answer: impl Fn(&str, Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (base, answer) = (url.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (base, answer) = (base.clone(), Arc::clone(&answer));
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (base, answer) = (base.clone(), Arc::clone(&answer));
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let response = answer(&base, Request::from_parts(parts, body));
                        Ok::<_, Infallible>(response.map(Full::new))
                    }
                });
                let io = TokioIo::new(stream);
                // A client that goes away is no failure here.
                tokio::spawn(async move {
                    hyper::server::conn::http1::Builder::new().serve_connection(io, service).await.ok()
                });
            }
        });
        Server { url, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
