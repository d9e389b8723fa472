//! What filler promises: that small feeds leave in time, and that nobody can tell who is filler. On both engines.

mod town;
mod world;

mod sealing;

mod looks;

mod dump;
mod guess;

mod elsewhere;
mod revisions;

mod reports;

/// Each promise, on each engine.
macro_rules! on_both_engines {
    ($($module:ident { $($promise:ident,)* })*) => {
        $(mod $module {
            mod sqlite {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    crate::$module::$promise(crate::world::World::on_sqlite().await).await;
                })*
            }
            mod postgres {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    crate::$module::$promise(crate::world::World::on_postgres().await).await;
                })*
            }
        })*
    };
}

mod promises {
    on_both_engines! {
        sealing {
            a_held_feed_is_sealed_once_its_oldest_has_waited_and_never_before,
            of_three_exporters_at_once_one_seals_and_one_draw_is_published,
            a_crash_between_draw_and_seal_publishes_no_filler_and_loses_nothing,
            without_a_secret_the_few_are_held,
            a_person_of_a_quiet_week_is_hidden_every_time,
        }
        dump {
            a_copy_of_the_database_does_not_tell_who_is_filler,
        }
        elsewhere {
            filler_reaches_the_second_region_and_travellers_at_their_share,
            a_withdrawal_takes_filler_along,
            filler_is_in_no_statistics,
        }
        revisions {
            one_persons_revision_leaves_within_a_day_and_a_period_among_others,
            few_withdrawn_keys_leave_among_others,
        }
        reports {
            few_reports_leave_among_others_that_verify,
            few_withdrawn_reports_leave_among_others,
        }
    }
}
