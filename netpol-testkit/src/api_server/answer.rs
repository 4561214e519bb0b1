//! One request and its answer.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
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
use super::users::{AUDIENCE, User};
use super::watch::Watch;
use super::{discovery, list, review, write};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The longest body that is taken, in bytes.
const LONGEST_BODY: usize = 3 << 20;

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
    /// What a POST made or answered.
    Created(Value),
    Watch(Box<Watch>),
    PortForward(PortForward),
    /// Nothing is served at the path: this is no Status.
    NoSuchPath,
}

/// Answers a request, once the server is not paused.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    client: Client,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    shared.resumed().await;
    let answer = match posted(&mut request).await {
        // Streams are woken: it may be a write.
        Ok(body) => shared.change(|state| find(state, client, &request, &body)),
        Err(status) => Err(status),
    };
    let (writer, body) = Writer::new(shared.clone());
    let (code, kind) = match &answer {
        Ok(Answer::NoSuchPath) => (StatusCode::NOT_FOUND, TEXT),
        Ok(Answer::Created(_)) => (StatusCode::CREATED, JSON),
        Ok(_) => (StatusCode::OK, JSON),
        Err(status) => (status.code, JSON),
    };
    let text: Bytes = match answer {
        Ok(Answer::Document(document) | Answer::Created(document)) => document.to_string().into(),
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

/// The body of a request that has one.
async fn posted(request: &mut Request<Incoming>) -> Result<Bytes, Status> {
    if ![Method::POST, Method::PATCH].contains(request.method()) {
        return Ok(Bytes::new());
    }
    let body = Limited::new(request.body_mut(), LONGEST_BODY)
        .collect()
        .await;
    match body {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(Status::bad_request(error.to_string())),
    }
}

/// Counts the request, says whether it is refused, and finds or does what it asks for.
fn find(
    state: &mut State,
    client: Client,
    request: &Request<Incoming>,
    body: &Bytes,
) -> Result<Answer, Status> {
    let path = request.uri().path();
    let target = Target::of_path(path, &state.store);
    let options = Options::parse(request.uri().query().unwrap_or_default());
    let watch = options.as_ref().is_ok_and(|options| options.watch);
    let verb = Verb::of(request.method(), target.as_ref(), watch);
    let name = target.as_ref().map(Target::rbac_name);
    let asked = (verb.to_string(), name.unwrap_or_else(|| path.to_owned()));
    let denied = state.faults.denied.contains(&asked);
    *state.requests.entry(asked).or_default() += 1;

    if let Some(code) = state.faults.failure {
        return Err(Status::failure(code));
    }
    let user = authenticate(state, client, request)?;
    let Some(target) = target else {
        if request.method() != Method::GET {
            return Err(Status::method_not_allowed());
        }
        let document = discovery::document(path, &state.store);
        return Ok(document.map_or(Answer::NoSuchPath, Answer::Document));
    };
    if denied || !state.users.may(&user, verb, &target) {
        return Err(Status::forbidden(&user.name, verb, &target));
    }
    match verb {
        Verb::Create => create(state, &target, body),
        Verb::Patch => {
            let kind = header(request, CONTENT_TYPE);
            write::patch(&mut state.store, &target, kind, body).map(Answer::Document)
        }
        Verb::Get | Verb::List | Verb::Watch if request.method() == Method::GET => {
            let options = options?;
            if options.initial_events && state.faults.lists_unstreamed {
                return Err(Status::invalid(
                    "sendInitialEvents is forbidden: WatchList is disabled",
                ));
            }
            read(state, target, options, request)
        }
        _ => Err(Status::method_not_allowed()),
    }
}

fn read(
    state: &mut State,
    target: Target,
    options: Options,
    request: &Request<Incoming>,
) -> Result<Answer, Status> {
    if target.resource().is_review() {
        return Err(Status::method_not_allowed());
    }
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

fn create(state: &mut State, target: &Target, body: &Bytes) -> Result<Answer, Status> {
    let made = match (target, &*target.rbac_name()) {
        (_, review::TOKEN_REVIEWS) => review::token_review(state, body)?,
        (_, review::SUBJECT_ACCESS_REVIEWS) => review::subject_access_review(state, body)?,
        (Target::Subresource { key, .. }, review::TOKEN_REQUESTS) => {
            review::token_request(state, key, body)?
        }
        _ => write::create(&mut state.store, target, body)?,
    };
    Ok(Answer::Created(made))
}

fn authenticate(
    state: &State,
    client: Client,
    request: &Request<Incoming>,
) -> Result<User, Status> {
    if client == Client::Certified {
        return Ok(User::agent());
    }
    let token = header(request, AUTHORIZATION).strip_prefix("Bearer ");
    let known = token.and_then(|token| state.user_of(token));
    let known = known.filter(|known| known.audiences.iter().any(|a| a == AUDIENCE));
    known
        .map(|known| known.user)
        .ok_or_else(Status::unauthorized)
}

fn header(request: &Request<Incoming>, name: HeaderName) -> &str {
    let value = request.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
