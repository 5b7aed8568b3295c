// @ts-check
/** The page of a phone: a name, then a server of its own until it leaves, or the lab says that it must stop. */

import { AnswerLine } from "./answer_line.js";
import { WallClock } from "./clock.js";
import { byId, fieldsOf, setText } from "./dom.js";
import { JoinDesk, TOKEN } from "./join_desk.js";
import { nameHint, wireName } from "./join_name.js";
import { Phone } from "./join_phone.js";
import { watchShakes } from "./join_shake.js";
import { JoinView } from "./join_view.js";
import { takeToken } from "./token.js";

/** Percentage points of CPU of a tap, and of a shake. */
const EFFORT = { tap: 25, shake: 12 };

const field = fieldsOf(byId("join"));
const form = /** @type {HTMLFormElement} */ (field("form"));
const typed = /** @type {HTMLInputElement} */ (field("typed"));
const answer = new AnswerLine(form);
const view = new JoinView(field);
const desk = new JoinDesk(takeToken(location, history, sessionStorage, TOKEN));
/** @type {Phone | null} */
let phone = null;

function start(/** @type {Phone} */ joined) {
  phone = joined;
  view.show(joined);
  joined.addEventListener("change", () => {
    view.draw(joined);
    if (joined.ended && phone === joined) end(joined.ended);
  });
  view.draw(joined);
}

function end(/** @type {string} */ why) {
  phone = null;
  view.hide();
  answer.say(why, "");
  typed.focus();
}

async function join() {
  const clock = new WallClock();
  const asked_us = clock.now_us();
  start(new Phone(desk, await desk.join(wireName(typed.value)), asked_us));
  return "";
}

typed.value = desk.name;
setText(field("hint"), nameHint(typed.value));
typed.addEventListener("input", () => setText(field("hint"), nameHint(typed.value)));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!wireName(typed.value)) answer.refuse(nameHint(typed.value), typed);
  else {
    watchShakes(() => phone?.work(EFFORT.shake));
    void answer.send(join);
  }
});
field("work").addEventListener("click", () => phone?.work(EFFORT.tap));
field("leave").addEventListener("click", () => void phone?.leave());
view.onSlide((name, value) => {
  if (name === "rate") phone?.setRate(value);
  else if (phone) phone.readings.base[name] = value;
});
