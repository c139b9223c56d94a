// The practice network: one departure, numbers that no post can own. Nothing of it leaves the phone.

/** @type {Omit<import("./checklist.js").LoadList, "fetched">} */
export const PRACTICE_LIST = {
  departure: "PR1/2026-01-01",
  origin: "HERE",
  destination: "THERE",
  departs_at: "2026-01-01T12:00:00Z",
  as_of: "2026-01-01T09:00:00Z",
  pieces: ["LS000000014ZZ", "LS000000028ZZ", "LS000000031ZZ", "LS000000045ZZ", "LS000000059ZZ"].map((number) => ({ number, destination: "THERE" })),
};
