//! What the verification database promises, whichever engine keeps it. Each test takes an engine; the list runs all of them on each.

mod engine;
mod samples;

mod certifying;
mod chaff;
mod claiming;
mod counting;
mod delivering;
mod dying;
mod forgetting;
mod guessing;
mod issuers;
mod issuing;
mod looking;
mod self_reporting;

mod server;

/// Runs every promise on each engine, each on a database of its own.
macro_rules! promises {
    ($($module:ident { $($promise:ident,)* })*) => {
        mod sqlite {
            $(mod $module { $(on_engine! { Sqlite, $module, $promise })* })*
        }
        mod postgres {
            $(mod $module { $(on_engine! { Postgres, $module, $promise })* })*
        }
    };
}

macro_rules! on_engine {
    ($engine:ident, $module:ident, $promise:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            let engine = <crate::engine::$engine as crate::engine::Engine>::fresh().await;
            crate::$module::$promise(&engine).await;
        }
    };
}

promises! {
    issuers {
        creating_the_same_authority_again_changes_nothing,
        an_id_or_issuer_belongs_to_one_authority,
        authorities_are_listed_by_id,
        an_authority_is_changed_as_a_whole,
        an_issuer_is_not_taken_from_another,
        a_signing_key_belongs_to_one_authority,
        the_key_that_signs_last_comes_first,
        a_new_key_lets_the_others_retire,
        a_key_retires_no_later_than_was_said,
        a_disabled_authority_is_known_as_such,
        a_revoked_api_key_is_unknown_and_still_listed,
        an_api_key_is_known_by_its_digest_alone,
        nobody_gets_keys_who_is_not_there,
    }
    issuing {
        the_same_request_finds_the_code_that_stands,
        another_request_finds_the_uuid_taken,
        a_uuid_belongs_to_one_authority,
        a_claimed_code_is_not_answered_again,
        an_expired_code_is_not_answered_again,
        a_text_that_is_taken_is_a_collision_and_leaves_nothing,
        an_older_secret_still_knows_its_codes,
        a_code_may_have_a_short_and_a_long_form,
        many_requests_with_one_uuid_issue_one_code,
    }
    claiming {
        an_unknown_code_is_not_found,
        a_code_is_claimed_once,
        a_bound_claim_is_repeated_while_the_token_lives,
        an_unbound_claim_is_repeated_until_its_time,
        an_unbound_claim_is_not_repeated_once_a_certificate_exists,
        a_bound_claim_is_repeated_although_a_certificate_exists,
        an_expired_code_is_not_claimed,
        an_unsupported_type_leaves_the_code_as_it_was,
        a_claimed_code_is_used_before_it_is_expired_or_unsupported,
        either_form_claims_the_code_in_its_own_time,
    }
    looking {
        a_status_tells_claimed_and_until_when,
        an_expired_code_is_nobodys_in_either_form,
        expiring_again_changes_nothing,
        a_claimed_code_does_not_expire,
        a_code_is_its_authoritys_to_look_at,
        a_claim_and_an_expiry_at_once_leave_one_of_them,
        what_nobody_claimed_is_expired_at_once_and_what_was_claimed_is_left_alone,
        claims_and_the_end_of_all_codes_at_once_leave_each_code_to_one_of_them,
        the_secrets_that_rows_need_are_known,
    }
    certifying {
        the_same_commitment_is_certified_again,
        a_token_is_good_for_two_commitments,
        many_commitments_at_once_leave_two,
        a_token_ends,
        a_token_of_another_authority_is_unknown,
        a_token_that_nobody_claimed_is_unknown,
    }
    delivering {
        a_message_is_counted_in_every_tally_or_in_none,
        what_was_not_sent_is_taken_back,
        a_tally_begins_anew_when_it_has_ended,
        a_clock_that_is_late_renews_no_tally,
        what_was_counted_under_an_older_secret_counts,
        many_messages_at_once_stop_at_the_limit,
        tallies_are_forgotten_in_bounded_steps,
        what_is_delivered_stays_delivered,
        what_is_refused_expires_unless_it_is_delivered,
        a_delivery_and_a_refusal_at_once_are_seen_by_whoever_comes_second,
    }
    guessing {
        of_many_guesses_at_once_no_more_than_the_budget_are_looked_up,
        honest_people_behind_one_address_are_all_served_and_leave_no_trace,
        a_code_that_is_found_is_no_failure_whatever_became_of_it,
        a_spent_network_is_refused_until_the_hour_ends,
        a_spent_authority_suspends_networks_that_failed_and_no_others,
        a_spent_total_suspends_networks_that_failed_whomever_they_tried,
        of_many_first_guesses_of_a_network_at_once_one_is_served_under_attack,
        a_network_is_remembered_for_a_day,
        digits_and_crockford_codes_have_budgets_of_their_own,
        a_relay_is_served_until_its_own_budget_is_spent,
        a_long_code_is_found_without_a_budget_and_a_short_one_never_so,
        a_clock_that_is_late_renews_no_budget,
        what_was_counted_is_forgotten_in_bounded_steps,
        a_day_of_guesses_finds_what_arithmetic_says,
    }
    forgetting {
        what_is_sealed_is_gone_once_the_code_is_claimed,
        what_has_expired_is_forgotten_in_bounded_steps,
        the_moment_of_a_claim_is_forgotten_once_it_no_longer_matters,
        what_lives_is_not_forgotten,
    }
    chaff {
        chaff_writes_a_ring_over_and_over_and_nothing_else,
        chaff_that_writes_over_one_block_at_once_is_all_written,
    }
    dying {
        after_everything_has_died_only_authorities_remain,
    }
    self_reporting {
        a_telephone_has_one_live_code,
        the_same_self_report_finds_the_code_that_stands,
        a_telephone_is_free_once_its_code_is_claimed_or_expired,
        a_telephone_is_known_under_every_live_secret,
        a_collision_leaves_the_telephone_free,
        what_a_telephone_waited_for_leaves_no_trace,
        many_self_reports_of_one_telephone_at_once_issue_one_code,
        the_same_self_report_many_times_at_once_issues_one_code,
    }
    counting {
        each_event_is_counted_once_however_often_it_is_asked_for,
        events_at_once_are_counted_one_by_one,
        an_end_is_counted_once_whoever_finds_it,
        a_code_that_staff_end_early_has_ended_then,
        an_end_that_is_found_late_leaves_the_days_before_as_they_are,
        self_reports_are_counted_apart,
        no_more_than_the_quota_are_issued_however_many_ask,
        a_repeat_costs_nothing_and_is_answered_when_the_quota_is_used_up,
        what_is_shown_is_written_once,
        counts_are_deleted_once_they_are_frozen_and_figures_when_they_are_old,
    }
}
