//! What the key database promises, whichever engine keeps it. Each test takes an engine; the list at the end runs all of them on each.

mod engine;
mod samples;

mod accepting;
mod admissions;
mod adopting;
mod audit;
mod authorities;
mod chaff;
mod clients;
mod concurrency;
mod intervals;
mod life;
mod listings;
mod members;
mod progress;
mod quarantining;
mod recalling;
mod releasing;
mod revising;
mod sealing;
mod timing;
mod trust;
mod uploads;
mod withdrawing;

/// Runs a list of promises on an engine, each on a database of its own.
macro_rules! promises {
    ($engine:ident: $($module:ident { $($promise:ident,)* })*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                crate::$module::$promise(&<crate::engine::$engine as crate::engine::Engine>::fresh().await).await;
            })*
        })*
    };
}

/// Every promise, on an engine.
macro_rules! every_promise {
    ($engine:ident) => {
        promises! { $engine:
            authorities {
                registering_the_same_authority_again_changes_nothing,
                another_region_raises_the_policy_version_and_creates_its_feeds,
                a_region_that_goes_leaves_its_feeds,
                an_unknown_authority_is_none,
                authorities_are_listed_by_id,
            }
            trust {
                a_disabled_authority_is_not_believed_until_it_is_enabled,
                a_denied_key_stays_denied_whatever_is_registered,
                a_key_may_be_denied_before_it_is_known_and_from_any_time_on,
                keys_from_files_and_from_the_set_are_believed_alike,
                a_key_that_leaves_its_set_is_believed_for_an_hour,
                another_key_under_the_same_name_replaces_the_first,
                the_last_good_set_is_believed_for_seven_days,
                what_was_fetched_elsewhere_counts_no_more,
                of_many_programs_one_fetches_a_set_that_is_due,
                an_unknown_key_brings_about_one_attempt_a_minute,
                operators_see_how_it_stands,
            }
            admissions {
                nobody_reports_without_a_certificate_unless_the_authority_says_so,
                who_may_report_is_a_policy_and_makes_the_feeds_for_it,
                an_authority_may_allow_longer_memos,
                an_hour_without_any_report_allowed_is_refused,
                a_self_reported_feed_is_sealed_apart_from_the_verified_one,
                a_challenge_is_spent_on_one_report,
                of_fifty_that_spend_a_challenge_at_once_one_succeeds,
                a_challenge_is_remembered_until_nobody_takes_it,
                what_nobody_asks_for_any_more_is_forgotten_in_bounded_steps,
                the_tally_of_an_hour_never_passes_its_limit,
            }
            adopting {
                what_a_bundle_carries_is_known_and_no_longer_waits,
                what_was_taken_over_is_listed_as_the_manifest_says,
                what_is_told_of_a_key_lets_nobody_revise_it,
                a_bundle_of_the_databases_own_gives_way,
                what_no_bucket_lists_waits_again_and_what_is_too_old_does_not,
                a_listing_that_the_rows_do_not_give_is_not_taken_over,
                withdrawn_reports_are_found_by_their_digest,
                members_that_the_row_does_not_count_are_refused,
                another_number_says_the_same,
            }
            audit {
                acts_are_listed_in_their_order_and_the_last_ones_only_if_asked,
                an_act_that_is_no_act_is_refused,
            }
            accepting {
                the_first_values_of_a_key_win,
                a_key_accepted_twice_is_sealed_once,
                a_key_that_was_sealed_is_not_sealed_again,
                a_verification_key_has_one_report_ever,
                accepting_is_atomic,
                an_unknown_feed_is_refused_and_nothing_is_kept,
                a_feed_of_the_other_kind_is_refused,
                a_key_reaches_every_feed_that_is_named,
            }
            releasing {
                a_row_that_breaks_the_release_rule_is_refused_by_the_database,
                a_key_that_could_be_replayed_is_not_sealed_whatever_its_row_says,
                a_key_never_changes_its_start_and_period,
            }
            revising {
                what_waits_says_what_is_said_last,
                what_was_disproved_before_it_was_sealed_is_never_published,
                what_is_sealed_is_followed_by_what_is_said_now,
                what_is_disproved_is_revoked_where_it_was_sealed_and_gone_where_it_waits,
                a_key_is_revised_once,
                a_key_is_revised_as_it_was_uploaded_by_who_uploaded_it,
                what_is_not_known_is_new_unless_it_is_negative,
                few_revisions_wait_until_there_are_enough,
                no_revision_is_lost_to_a_seal_or_an_upload_at_the_same_time,
                of_many_revisions_at_once_one_counts,
            }
            uploads {
                an_upload_is_counted_with_its_keys_once_however_often_it_is_repeated,
                the_same_upload_twenty_times_at_once_is_one_persons,
                who_adds_to_earlier_keys_was_counted_with_those,
                an_upload_to_several_regions_is_counted_once,
                people_stand_in_one_cell_of_each_distribution,
                reports_are_counted_apart_from_keys,
                who_revises_is_counted_once,
                what_is_not_stored_is_not_counted,
                peers_and_people_without_a_certificate_are_not_counted,
                days_and_authorities_are_counted_apart,
                old_days_are_forgotten_in_bounded_steps,
                another_start_period_or_origin_is_a_conflict_and_nothing_else_is,
                a_sealed_key_conflicts_like_a_fresh_one,
                another_report_of_a_known_verification_key_is_a_conflict,
            }
            sealing {
                an_empty_feed_has_nothing_to_seal,
                an_unknown_feed_cannot_be_sealed,
                a_key_waits_until_its_release_time,
                fewer_than_the_minimum_are_held_and_the_seal_says_so,
                a_seal_freezes_counts_format_and_signers,
                more_keys_than_the_maximum_make_several_bundles_and_none_is_lost,
                more_bytes_than_the_maximum_make_several_bundles_and_none_is_lost,
                what_is_not_yet_releasable_is_sealed_later_unchanged,
                a_seal_of_one_feed_leaves_the_others_alone,
            }
            intervals {
                an_interval_holds_what_was_sealed_in_the_one_before,
                nothing_is_sealed_in_the_quiet_time_before_an_intervals_end,
                an_interval_that_was_slept_through_is_closed_afterwards_with_the_same_content,
                what_is_closed_never_grows_whatever_the_clock_does,
                programs_that_close_at_once_close_the_same,
                a_seal_that_comes_after_its_signers_turn_leaves_the_feed_alone,
            }
            members {
                members_stand_by_class_and_then_by_bytes,
                pages_of_any_size_hold_the_same_members,
                members_read_at_once_are_those_of_the_pages,
                a_read_ends_when_its_sink_has_enough,
                the_digest_of_a_bundle_is_that_of_its_members,
                an_unknown_bundle_has_no_members,
            }
            timing {
                the_database_tells_its_time,
                a_feed_is_sealed_once_in_a_period,
                programs_that_seal_in_one_period_seal_once,
                what_is_held_may_be_sealed_later_in_its_period,
            }
            clients {
                bundles_touch_and_every_client_gets_each_once_whatever_the_clock_does,
            }
            concurrency {
                keys_that_arrive_while_bundles_are_sealed_are_sealed_exactly_once,
                two_programs_that_seal_at_once_seal_each_key_once,
                programs_that_open_a_new_database_at_once_all_succeed,
            }
            progress {
                the_first_derivation_wins,
                one_of_many_derivations_at_once_wins,
                a_derivation_without_all_signatures_is_refused,
                a_put_is_remembered_by_bucket,
                an_unknown_bundle_is_neither_derived_nor_put,
                a_bucket_cannot_list_a_number_that_was_not_taken,
            }
            listings {
                a_feed_begins_at_number_zero_with_nothing,
                a_seal_takes_one_number_however_many_bundles_it_makes,
                a_listing_at_an_old_number_does_not_change,
                announcing_the_same_keys_again_takes_no_number,
                who_read_an_older_number_announces_nothing,
                keys_are_announced_from_one_number_to_another,
                gateways_are_announced_from_one_number_to_another,
                announcing_the_same_gateways_again_takes_no_number,
                programs_that_announce_at_once_announce_once,
                the_time_of_a_listing_never_runs_backwards,
            }
            withdrawing {
                what_waits_is_never_published_and_no_repeat_brings_it_back,
                what_is_sealed_is_revoked_once_however_often_it_is_withdrawn,
                what_is_sealed_here_and_waits_there_is_revoked_here_and_gone_there,
                a_withdrawn_report_stands_in_the_list_of_withdrawn_ones,
                reports_with_and_without_certificate_are_selected_apart,
                a_day_is_that_of_receipt_or_that_of_the_seal,
                who_is_not_selected_is_left_alone,
                a_tombstone_dies_when_nobody_can_upload_it_any_more_and_what_waits_never,
                a_withdrawal_beside_seals_and_repeats_loses_and_revives_nothing,
                after_a_withdrawal_nobodys_revision_changes_anything,
                what_a_person_revised_is_withdrawn_and_what_they_took_back_is_left_alone,
                a_withdrawal_beside_revisions_revokes_each_key_once,
            }
            recalling {
                a_recalled_bundle_leaves_the_list_and_its_members_are_published_once_more,
                what_returns_is_released_at_the_next_quarter,
                a_later_word_counts_and_nothing_older_comes_after_it,
                bundles_recalled_one_after_the_other_end_with_the_last_word,
                what_is_recalled_without_an_entry_sets_it_aside,
                a_bundle_that_was_never_derived_is_void,
                a_rehearsal_changes_nothing_and_a_recall_is_written_down,
                a_recalled_bundle_is_put_nowhere_and_its_object_goes_a_day_later,
                what_returned_and_was_taken_back_stays_known_and_is_forgotten,
                a_recall_beside_seals_and_uploads_loses_and_doubles_nothing,
            }
            quarantining {
                a_bad_row_that_waits_stops_its_feed_alone_until_it_is_set_aside,
                a_bad_report_that_waits_stops_its_feed_until_it_is_set_aside,
                a_bad_row_in_a_bundle_that_was_not_derived_makes_it_void,
                a_bad_row_in_a_derived_bundle_needs_a_recall,
                members_that_are_missing_or_added_are_found,
                what_is_set_aside_returns_when_it_is_sound_and_not_otherwise,
                what_is_set_aside_is_kept_for_30_days,
            }
            chaff {
                chaff_writes_a_ring_over_and_over_and_nothing_else,
                chaff_that_writes_over_one_block_at_once_is_all_written,
            }
            life {
                a_bundle_is_listed_for_14_days_after_its_end,
                an_object_goes_a_day_after_its_bucket_ceased_to_list_it,
                rows_wait_for_every_bucket_that_is_named_and_for_no_other,
                what_is_gone_from_a_bucket_is_not_put_there_again,
                after_everything_has_died_only_feeds_and_authorities_remain,
                nothing_is_kept_longer_than_its_time_and_what_waits_for_ever,
                a_key_of_two_regions_lives_as_long_as_its_last_publication,
                a_report_of_two_regions_lives_as_long_as_its_last_bundle,
                a_purge_removes_no_more_at_a_time_than_it_may,
                programs_that_purge_at_once_leave_nothing_behind,
                what_was_listed_before_a_death_can_no_longer_be_told,
            }
        }
    };
}

mod sqlite {
    every_promise!(Sqlite);
}

mod postgres {
    every_promise!(Postgres);
}
