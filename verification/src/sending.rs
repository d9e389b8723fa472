//! Sending a code to its person's phone: count, write, send, remember.

use proto::Timestamp;
use store::{CountOutcome, Issuer, MessageState, Tally};

use crate::delivery::{Attempt, Delivery, Purpose, Sent, TextMessage, Trouble, Wish};
use crate::issued::Issued;
use crate::problem::Problem;
use crate::secret::PhonePurpose;
use crate::secrets::Secrets;
use crate::state::State;
use crate::uuid::Uuid;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A message on its way, from the moment it was counted.
pub(crate) struct Errand<'a> {
    state: &'a State,
    authority: &'a str,
    wish: &'a Wish,
    now: Timestamp,
    /// What it was counted in; empty if it was not, since there is nothing to send.
    counted: Vec<Tally>,
}

impl<'a> Errand<'a> {
    /// Counts a message before its code is issued, and refuses it if too many were sent to the number, to its block, for the network
    /// of a phone that asks for itself, or by the authority.
    /// What is known to be delivered under this uuid is not counted.
    pub(crate) async fn begin(
        state: &'a State,
        issuer: &'a Issuer,
        wish: &'a Wish,
        uuid: Uuid,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let mut errand = Self { state, authority: &issuer.id, wish, now, counted: Vec::new() };
        if wish.only_generate || state.store().is_delivered(&issuer.id, uuid.0).await? {
            return Ok(errand);
        }
        let tallies = tallies(&state.secrets(), &issuer.id, wish, now);
        match state.store().count_message(&tallies, now).await? {
            CountOutcome::Counted => errand.counted = tallies,
            CountOutcome::Full { until } => return Err(Problem::too_many_messages(until.unix() - now.unix())),
        }
        Ok(errand)
    }

    /// Sends an issued code as it was wished for, unless it is known to be delivered.
    pub(crate) async fn run(self, issued: &Issued) -> Result<Sent, Problem> {
        let Self { state, authority, wish, now, .. } = self;
        let (uuid, body) = (issued.uuid.0, wish.compose(issued, now));
        if wish.only_generate {
            return Ok(Sent::Generated(body));
        }
        if state.store().is_delivered(authority, uuid).await? {
            self.abandon().await;
            return Ok(Sent::Known(Delivery::Delivered));
        }
        let message = TextMessage { id: &issued.message_id, to: &wish.to, body: &body, sent_at: now };
        let Attempt { delivery, trouble } = wish.courier.send(&message).await;
        if let Some((trouble, error)) = trouble {
            state.troubles().note(trouble, error);
        }
        match delivery {
            Delivery::Delivered => remember(state, authority, uuid, MessageState::Delivered, now).await,
            Delivery::Unknown => remember(state, authority, uuid, MessageState::Unknown, now).await,
            Delivery::Refused => return self.give_up(uuid).await,
        }
        Ok(Sent::Known(delivery))
    }

    /// A message that is refused expires its code, unless another request for the same code got it through meanwhile. Staff's is not counted
    /// then, or a provider's bad day would lock numbers until midnight. What a phone asks for stays counted, or anybody with the app could have
    /// the provider look at numbers all day.
    async fn give_up(self, uuid: [u8; 16]) -> Result<Sent, Problem> {
        let Self { state, authority, wish, .. } = self;
        let expired = state.store().expire_undelivered(authority, uuid, state.now()).await?;
        if wish.purpose == Purpose::Issue {
            self.abandon().await;
        }
        if expired { Err(Problem::MESSAGE_REFUSED) } else { Ok(Sent::Known(Delivery::Delivered)) }
    }

    /// Nothing is sent after all.
    pub(crate) async fn abandon(self) {
        if let Err(error) = self.state.store().uncount_message(&self.counted, self.now).await {
            self.state.troubles().note(Trouble::Uncounted, error.to_string());
        }
    }
}

/// What cannot be remembered is sent again when somebody asks again; that is no reason to tell them now that it failed.
async fn remember(state: &State, authority: &str, uuid: [u8; 16], what: MessageState, now: Timestamp) {
    if let Err(error) = state.store().record_delivery(authority, uuid, what, now).await {
        state.troubles().note(Trouble::Unstored, error.to_string());
    }
}

/// The number, its block, the network of a phone that asks for itself, the authority, always in this order. Messages for people who report about themselves are counted by themselves:
/// what anybody with the app can ask for does not use up what staff need, and what one network asks for not what all others may. They end with a day or an hour of the clock, so that a row does not tell when
/// somebody was written to.
fn tallies(secrets: &Secrets, authority: &str, wish: &Wish, now: Timestamp) -> Vec<Tally> {
    let limits = wish.courier.limits();
    // A slug has no zero byte, so that no authority is called like another's self-reports.
    let payer = match wish.purpose {
        Purpose::Issue => authority.to_owned(),
        Purpose::UserReport => format!("{authority}\0user-report"),
    };
    let phone = |purpose| secrets.phone_digests(purpose, &payer, &wish.to);
    let tally = |digests: Vec<store::Peppered>, limit, period| Tally {
        digests: digests.into_iter().map(|peppered| peppered.digest).collect(),
        limit,
        ends_at: Timestamp::from_unix((now.unix().div_euclid(period) + 1) * period),
    };
    let mut tallies = vec![
        tally(phone(PhonePurpose::Budget), limits.per_number_a_day, DAY),
        tally(phone(PhonePurpose::BlockBudget), limits.per_block_an_hour, HOUR),
    ];
    tallies.extend(
        wish.network.map(|network| {
            tally(secrets.network_digests(&payer, network.as_bytes()), limits.per_network_an_hour, HOUR)
        }),
    );
    tallies.push(tally(secrets.tally_digests(&payer), limits.a_day, DAY));
    tallies
}
