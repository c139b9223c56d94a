"""Which seed caught each mutant, and by which invariant: what `python -m tests.mutants` printed."""

CAUGHT = {
    "beep_before_the_flush": 11,  # I2
    "numbers_start_again_after_a_boot": 11,  # I2
    "an_epoch_is_named_after_its_number": 7,  # I2
    "freed_on_puback": 1,  # I6
    "a_torn_record_is_left_lying": 36,  # I1
    "any_bad_tail_is_torn": 459,  # I1
    "a_failed_flush_is_tried_again": 2,  # I3
    "a_refusal_is_not_written_down": 21,  # I3
    "a_receipted_record_is_removed_at_once": 4,  # I1
    "house_is_kept_without_looking_at_receipts": 4,  # I1
    "the_generation_is_ignored": 4,  # I6
    "what_was_receipted_once_is_not_sent_again": 4,  # I1
    "a_receipt_counts_for_the_current_epoch": 1,  # I8
    "answers_are_believed_unsigned": 1,  # I6
    "nothing_is_sent_again": 20,  # I8
    "what_was_in_flight_counts_as_sent_on_the_next_connection": 97,  # I1
    "scans_behind_a_lost_one_wait_for_it": 29,  # I1
    "only_the_current_epoch_is_sent": 2,  # I1
    "nobody_looks_whether_it_still_stands": 4,  # I2
    "every_try_has_a_key_of_its_own": 4,  # I5
    "a_lease_never_ends": 3,  # I8
    "handing_over_is_not_noted": 1,  # I5
    "planned_is_said_before_it_is_done": 13,  # I5
    "the_tracker_is_not_told": 1,  # I8
    "silence_is_consent": 60,  # I5
    "silence_is_refusal": 10,  # I5
    "one_refusal_is_the_end": 21,  # I5
    "everything_may_be_repeated": 95,  # I5
    "opting_out_counts_when_planning": 3,  # I5
    "a_settled_delivery_stays_due": 1,  # I8
    "receipt_before_the_commit": 2,  # I4
    "the_highest_is_receipted": 1,  # I4
    "watermark_per_device": 1,  # I4
    "one_scan_of_a_parcel_is_enough": 1,  # I4
    "a_misfit_spoils_its_batch": 1,  # I8
    "a_misfit_is_not_counted": 1,  # I8
    "a_misfit_is_thrown_away": 1,  # I1
    "a_misfit_ends_the_connection": 1,  # I1
    "macs_are_not_checked": 1,  # I3
    "a_device_may_speak_from_anywhere": 1,  # I3
    "a_restore_keeps_its_generation": 4,  # I4
    "a_repeat_is_not_answered": 7,  # I8
    "the_refused_commit_is_acknowledged": 2,  # I4
    "a_broker_that_restarts_remembers_us": 6,  # I1
    "voids_are_ignored": 3,  # I2
    "facts_are_folded_as_they_come": 3,  # I2
    "a_delivered_piece_moves_again": 2,  # I2
    "scans_before_the_booking_are_forgotten": 2,  # I2
    "the_reader_moves_first": 2,  # I2
    "the_reader_jumps_to_the_head": 3,  # I2
    "one_fact_of_a_batch_is_enough": 3,  # I2
    "notices_are_written_after_the_commit": 6,  # I5
    "a_cause_names_its_scan": 1,  # I5
    "a_notice_gets_a_fresh_id": 4,  # I5
}

NOT_YET = frozenset({"the_fence_is_not_checked"})
"""Planted, and caught by no seed looked at since the handheld speaks up again after a restore."""
