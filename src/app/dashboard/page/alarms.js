// What keeps the run from going on as it should: a band above everything else, gone when it has ended.
import { element, find, setText } from './dom.js';
import { duration } from './format.js';

const kSpeakersShown = 4;
const kMark = '⚠ ';

let shownKey = '[]';

function speakers(nodes) {
  const shown = nodes.slice(0, kSpeakersShown).join(', ');
  return nodes.length > kSpeakersShown ? `${shown} and ${nodes.length - kSpeakersShown} more` : shown;
}

function band(alarm) {
  return element(
    'li',
    { 'data-kind': alarm.kind },
    element('h2', {}, alarm.title || alarm.kind, element('code', {}, alarm.kind)),
    element('p', {}, alarm.reason),
    alarm.advice ? element('p', { class: 'advice' }, element('b', {}, 'What to do: '), alarm.advice) : null,
    element(
      'small',
      {},
      `since window ${alarm.window}`,
      element('span', { class: 'ago' }),
      ` · said by ${speakers(alarm.nodes)}`,
    ),
  );
}

// Only what has changed is drawn anew: a screen reader says each alarm once.
export function showAlarms(model) {
  const place = find('#alarms');
  const key = JSON.stringify(model.alarms);
  if (key !== shownKey) {
    shownKey = key;
    place.hidden = model.alarms.length === 0;
    find('ul', place).replaceChildren(...model.alarms.map(band));
  }
  const plain = document.title.replace(kMark, '');
  document.title = model.alarms.length ? kMark + plain : plain;
  showAges(model);
}

export function showAges(model) {
  const places = document.querySelectorAll('#alarms .ago');
  model.alarms.forEach(({ time_ms: since }, i) => {
    if (since > 0 && places[i])
      setText(places[i], `, for ${duration(Math.max(0, Math.round((model.now() - since) / 1000)))}`);
  });
}
