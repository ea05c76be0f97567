// Light, dark, or as the system says. Remembered.
import { find, setText } from './dom.js';

const kChoices = ['auto', 'light', 'dark'];
const dark = matchMedia('(prefers-color-scheme: dark)');

export function beginTheme(onChange) {
  const button = find('#theme');
  let chosen = kChoices.includes(localStorage.getItem('theme')) ? localStorage.getItem('theme') : 'auto';
  const apply = () => {
    document.documentElement.dataset.theme = chosen === 'auto' ? (dark.matches ? 'dark' : 'light') : chosen;
    setText(find('.word', button), `Theme: ${chosen}`);
    button.setAttribute('aria-label', `Theme: ${chosen}`);
    onChange();
  };
  button.addEventListener('click', () => {
    chosen = kChoices[(kChoices.indexOf(chosen) + 1) % kChoices.length];
    localStorage.setItem('theme', chosen);
    apply();
  });
  dark.addEventListener('change', apply);
  apply();
}
