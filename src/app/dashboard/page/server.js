// Asks the server, and keeps asking for what is new while somebody looks at the page.
const kWaitSeconds = 20;
const kLeastPauseMs = 200;
const kRetryMs = 2000;

export async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const visible = () =>
  new Promise((resolve) => {
    if (!document.hidden) resolve();
    else document.addEventListener('visibilitychange', resolve, { once: true });
  });

// Calls onNews with each news, onAway where the server can't be reached. Never ends.
export async function follow(model, onNews, onAway) {
  for (;;) {
    await visible();
    try {
      const news = await ask(`/api/news?since=${model.cursor}&wait=${kWaitSeconds}`);
      if (news.life !== model.status?.life) model.run = await ask('/api/run');
      onNews(news);
      await pause(kLeastPauseMs);
    } catch (error) {
      if (!(error instanceof TypeError)) console.warn(error);
      onAway();
      await pause(kRetryMs);
    }
  }
}
