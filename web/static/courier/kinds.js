// The kinds of handling, in the words of whoever does them, and what has to be asked first.

import { _ } from "./words.js";

/** @type {Record<string, string>} */
const KINDS = {
  accept: _("Pick up"),
  arrive: _("Arrive"),
  unload: _("Unload"),
  unpack: _("Unpack"),
  customs_in: _("To customs"),
  customs_out: _("From customs"),
  sort: _("Sort"),
  hold: _("Hold"),
  release: _("Release"),
  pack: _("Pack"),
  load: _("Load"),
  depart: _("Depart"),
  out_for_delivery: _("Onto the van"),
  attempt: _("Not delivered"),
  ready_for_pickup: _("Ready for pick-up"),
  deliver: _("Deliver"),
  return: _("Return"),
  damage: _("Damaged"),
};

/** Offered until the tracker has said which. */
export const USUAL = Object.keys(KINDS);

/** @param {string} kind */
export function called(kind) {
  return KINDS[kind] ?? kind;
}

/** What one tap answers before such a scan is journaled: the field of `x`, and its words. @type {Record<string, {field: string, words: Record<string, string>}>} */
export const REASONS = {
  attempt: {
    field: "reason",
    words: {
      nobody: _("Nobody there"),
      refused: _("Refused"),
      address: _("Address not found"),
      closed: _("Closed"),
      damaged: _("Damaged"),
      age: _("Too young to take it"),
      other: _("Something else"),
    },
  },
  hold: {
    field: "reason",
    words: {
      customs: _("Customs"),
      payment: _("Payment"),
      address: _("Address"),
      damage: _("Damage"),
      security: _("Security"),
      request: _("On request"),
    },
  },
  damage: { field: "severity", words: { packing: _("Packing only"), contents: _("Contents too") } },
};

/** Why a piece that is on no list of the departure goes with it all the same. @type {Record<string, string>} */
export const STAYS = {
  lead: _("The lead said so"),
  list: _("The list is old"),
  other: _("Something else"),
};

/** Who takes a delivery. @type {Record<string, string>} */
export const TAKERS = {
  recipient: _("Recipient"),
  neighbour: _("Neighbour"),
  reception: _("Reception"),
  safe_place: _("Safe place"),
  box: _("Parcel box"),
};
