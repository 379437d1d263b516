//! `CLIENT LIST` and `CLIENT KILL`.

use std::collections::HashSet;
use std::fmt::Write;

use super::call::is;
use super::failure::{QUOTED_MAX, quoted};
use super::{Call, Failure, Outcome};
use crate::client::{Address, ClientEntry, Signals};
use crate::number::parse_i64;

/// The kinds of client that `TYPE` names. There are no masters and no replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    PubSub,
    None,
}

impl Kind {
    fn parse(word: &[u8]) -> Result<Self, Failure> {
        match word {
            word if is(word, "normal") => Ok(Self::Normal),
            word if is(word, "pubsub") => Ok(Self::PubSub),
            word if is(word, "master") || is(word, "replica") || is(word, "slave") => {
                Ok(Self::None)
            }
            word => {
                let word = quoted(word, QUOTED_MAX);
                Err(format!("ERR Unknown client type '{word}'").into())
            }
        }
    }

    fn has(self, client: &ClientEntry) -> bool {
        match self {
            Self::Normal => !client.is_subscriber(),
            Self::PubSub => client.is_subscriber(),
            Self::None => false,
        }
    }
}

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let (mut kind, mut ids) = (None, None);
    match call.args.get(2) {
        None => {}
        Some(word) if is(word, "type") && call.args.len() == 4 => {
            kind = Some(Kind::parse(call.args.at(3))?);
        }
        Some(word) if is(word, "id") && call.args.len() > 3 => {
            let parse = |id| parse_i64(id).filter(|id| *id > 0).map(|id| id as u64);
            let parsed: Option<HashSet<u64>> = call.args.from(3).iter().map(parse).collect();
            ids = Some(parsed.ok_or(Failure::new("ERR Invalid client ID"))?);
        }
        Some(_) => return Err(Failure::SYNTAX),
    }
    let now_ms = call.server.now_ms();
    let mut lines = String::new();
    for client in call.server.clients.all() {
        let wanted = kind.is_none_or(|kind| kind.has(&client))
            && ids.as_ref().is_none_or(|ids| ids.contains(&client.id));
        if wanted {
            let _ = writeln!(lines, "{}", client.describe_with_figures(now_ms));
        }
    }
    call.out.verbatim(&lines);
    Ok(())
}

/// Which clients are to be disconnected: those of whom all that is given is true.
#[derive(Debug)]
struct Victims {
    id: Option<u64>,
    peer: Option<Vec<u8>>,
    local: Option<Vec<u8>>,
    kind: Option<Kind>,
    user: Option<Vec<u8>>,
    /// The client that asks, if it is to be spared.
    except: Option<u64>,
}

impl Victims {
    fn parse(call: &Call<'_>) -> Result<Self, Failure> {
        let own_id = call.session.entry.id;
        let mut victims = Self {
            id: None,
            peer: None,
            local: None,
            kind: None,
            user: None,
            except: Some(own_id),
        };
        let options = call.args.from(2);
        if !options.len().is_multiple_of(2) {
            return Err(Failure::SYNTAX);
        }
        for option in (0..options.len()).step_by(2) {
            let (word, value) = (options.at(option), options.at(option + 1));
            if is(word, "id") {
                let id = parse_i64(value).filter(|id| *id > 0);
                let id = id.ok_or(Failure::new("ERR client-id should be greater than 0"))?;
                victims.id = Some(id as u64);
            } else if is(word, "addr") {
                victims.peer = Some(value.to_vec());
            } else if is(word, "laddr") {
                victims.local = Some(value.to_vec());
            } else if is(word, "type") {
                victims.kind = Some(Kind::parse(value)?);
            } else if is(word, "user") {
                victims.user = Some(value.to_vec());
            } else if is(word, "skipme") && is(value, "yes") {
                victims.except = Some(own_id);
            } else if is(word, "skipme") && is(value, "no") {
                victims.except = None;
            } else {
                return Err(Failure::SYNTAX);
            }
        }
        if let Some(user) = victims.user.as_deref().filter(|user| *user != b"default") {
            let user = quoted(user, QUOTED_MAX);
            return Err(format!("ERR No such user '{user}'").into());
        }
        Ok(victims)
    }

    fn include(&self, client: &ClientEntry) -> bool {
        let at = |wanted: &Option<Vec<u8>>, address: &Address| {
            wanted.as_ref().is_none_or(|wanted| *wanted == address.to_string().into_bytes())
        };
        self.id.is_none_or(|id| id == client.id)
            && at(&self.peer, &client.peer)
            && at(&self.local, &client.local)
            && self.kind.is_none_or(|kind| kind.has(client))
            && self.except != Some(client.id)
    }
}

pub(super) fn kill(call: &mut Call<'_>) -> Outcome {
    // The old form names one address, and does not spare the client that asks.
    let old_form = call.args.len() == 3;
    let victims = if old_form {
        let peer = Some(call.args.at(2).to_vec());
        Victims { id: None, peer, local: None, kind: None, user: None, except: None }
    } else {
        Victims::parse(call)?
    };
    let mut killed = 0;
    for client in call.server.clients.all() {
        if !victims.include(&client) {
            continue;
        }
        killed += 1;
        if client.id == call.session.entry.id {
            // It gets its reply first.
            call.session.closing = true;
        } else {
            client.signal(Signals::KILL);
        }
    }
    match (old_form, killed) {
        (true, 0) => return Err(Failure::new("ERR No such client")),
        (true, _) => call.out.ok(),
        (false, killed) => call.out.integer(killed),
    }
    Ok(())
}
