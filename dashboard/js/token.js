// @ts-check
/**
 * The bearer token of a guarded lab. `up --token …` opens the page with `#token=…`, a part of the address that browsers
 * never send; it is kept for this tab and taken out of the address bar, so that a projector does not show it.
 */

const KEY = "lab-token";

/**
 * Take the token out of the address, or out of what this tab remembers.
 * @param {Location} place @param {History} past @param {Storage} memory @param {string} key under which it is kept
 * @returns {string} empty where there is none
 */
export function takeToken(place = location, past = history, memory = sessionStorage, key = KEY) {
  const offered = new URLSearchParams(place.hash.slice(1)).get("token");
  if (offered !== null) {
    memory.setItem(key, offered);
    past.replaceState(null, "", place.pathname + place.search);
  }
  return memory.getItem(key) ?? "";
}

/** @param {string} token @returns {Record<string, string>} headers of a request to the control API */
export const tokenHeaders = (token) => (token ? { Authorization: `Bearer ${token}` } : {});

/** @param {string} token @returns {string} query of a feed's address: a WebSocket cannot carry headers of its own */
export const tokenQuery = (token) => (token ? `?token=${encodeURIComponent(token)}` : "");
