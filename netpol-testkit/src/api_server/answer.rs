//! One request and its answer.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;

use super::body::{Body, Writer};
use super::port_forward::PortForward;
use super::query::{Options, Target, Verb};
use super::representation::Representation;
use super::shared::{Shared, State};
use super::status::Status;
use super::watch::Watch;
use super::{discovery, list};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What the connection tells of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// It must show a token.
    Unknown,
    /// It has shown a certificate of our authority.
    Certified,
}

enum Answer {
    Document(Value),
    Watch(Box<Watch>),
    PortForward(PortForward),
    /// Nothing is served at the path: this is no Status.
    NoSuchPath,
}

/// Answers a request, once the server is not paused.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    client: Client,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    shared.resumed().await;
    let answer = find(&mut shared.state(), client, &request);
    let (writer, body) = Writer::new(shared.clone());
    let (code, kind) = match &answer {
        Ok(Answer::NoSuchPath) => (StatusCode::NOT_FOUND, TEXT),
        Ok(_) => (StatusCode::OK, JSON),
        Err(status) => (status.code, JSON),
    };
    let text: Bytes = match answer {
        Ok(Answer::Document(document)) => document.to_string().into(),
        Ok(Answer::NoSuchPath) => "404 page not found\n".into(),
        Err(status) => status.object().to_string().into(),
        Ok(Answer::PortForward(forward)) => return Ok(forward.answer(shared, request)),
        Ok(Answer::Watch(watch)) => {
            tokio::spawn(async move { watch.stream(&shared, writer).await });
            return Ok(response(code, kind, body));
        }
    };
    tokio::spawn(async move {
        // A client that has gone wants no answer.
        let _ = writer.write(text).await;
    });
    Ok(response(code, kind, body))
}

fn response(code: StatusCode, kind: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    if code == StatusCode::TOO_MANY_REQUESTS {
        let seconds = HeaderValue::from_static("1");
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// Counts the request, says whether it is refused, and finds what it asks for.
fn find(state: &mut State, client: Client, request: &Request<Incoming>) -> Result<Answer, Status> {
    let path = request.uri().path();
    let target = Target::of_path(path, &state.store);
    let options = Options::parse(request.uri().query().unwrap_or_default());
    let verb = match &target {
        Some(Target::Collection { .. }) if options.as_ref().is_ok_and(|o| o.watch) => Verb::Watch,
        Some(Target::Collection { .. }) => Verb::List,
        Some(Target::Object { .. } | Target::Subresource { .. }) | None => Verb::Get,
    };
    let name = target.as_ref().map(Target::rbac_name);
    let asked = (verb.to_string(), name.unwrap_or_else(|| path.to_owned()));
    let denied = state.faults.denied.contains(&asked);
    *state.requests.entry(asked).or_default() += 1;

    if let Some(code) = state.faults.failure {
        return Err(Status::failure(code));
    }
    authenticate(state, client, request)?;
    if request.method() != Method::GET {
        return Err(Status::method_not_allowed());
    }
    let Some(target) = target else {
        let document = discovery::document(path, &state.store);
        return Ok(document.map_or(Answer::NoSuchPath, Answer::Document));
    };
    if denied {
        return Err(Status::forbidden(verb, &target));
    }
    let options = options?;
    let representation = Representation::accepted(header(request, ACCEPT));
    match &target {
        Target::Object { resource, key } => {
            let object = state.store.object(resource, key);
            let object = object.ok_or_else(|| Status::not_found(&resource.name(), &key.1))?;
            Ok(Answer::Document(representation.of(object)))
        }
        Target::Subresource {
            resource,
            key,
            subresource,
        } => {
            let object = state.store.object(resource, key);
            object.ok_or_else(|| Status::not_found(&resource.name(), &key.1))?;
            match (&*resource.plural, &**subresource) {
                ("pods", "portforward") => {
                    PortForward::new(key.clone(), request, state).map(Answer::PortForward)
                }
                _ => Ok(Answer::NoSuchPath),
            }
        }
        Target::Collection { .. } if options.watch => {
            let watch = Watch::new(state, target, options, representation);
            Ok(Answer::Watch(Box::new(watch)))
        }
        Target::Collection { .. } => {
            list::list(&state.store, &target, &options, representation).map(Answer::Document)
        }
    }
}

fn authenticate(state: &State, client: Client, request: &Request<Incoming>) -> Result<(), Status> {
    let token = header(request, AUTHORIZATION).strip_prefix("Bearer ");
    let good_token = token == Some(&*state.token()) && !state.faults.token_expired;
    if client == Client::Certified || good_token {
        Ok(())
    } else {
        Err(Status::unauthorized())
    }
}

fn header(request: &Request<Incoming>, name: HeaderName) -> &str {
    let value = request.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
