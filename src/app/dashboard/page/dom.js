// Elements in short. Text is always set as text: nothing that a node has written can become markup.
export const find = (selector, within = document) => within.querySelector(selector);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'class') made.className = value;
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'style') Object.assign(made.style, value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A row of buttons of which one is chosen; choices: [[value, label]]. Returns a function that marks the chosen one.
export function choice(place, choices, chosen, onChoose) {
  const buttons = choices.map(([value, label, title]) =>
    element(
      'button',
      {
        type: 'button',
        title,
        onclick: () => {
          mark(value);
          onChoose(value);
        },
      },
      label,
    ),
  );
  const mark = (value) =>
    buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(choices[i][0] === value)));
  place.replaceChildren(...buttons);
  mark(chosen);
  return mark;
}

export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const tip = find('#tip');
export function showTip(text, x, y) {
  tip.hidden = false;
  setText(tip, text);
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - box.width - 6))}px`;
  tip.style.top = `${y + 18 + box.height > innerHeight ? y - box.height - 10 : y + 18}px`;
}
export function hideTip() {
  tip.hidden = true;
}
