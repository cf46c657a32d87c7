/** Every word the widget itself says, in both languages. */

const RUSSIAN = {
  name: "Забота",
  heading: "Чем вам помочь?",
  intro: "Напишите вопрос своими словами. Если понадобится человек, я передам ему разговор целиком.",
  dialogLabel: "Чат поддержки",
  threadLabel: "Переписка",
  launcherOpen: "Открыть чат поддержки",
  launcherClose: "Закрыть чат",
  close: "Закрыть чат",
  unread: {
    one: "# новое сообщение",
    few: "# новых сообщения",
    many: "# новых сообщений",
    other: "# нового сообщения",
  },

  statusOnline: "Виртуальный ассистент на связи",
  statusConnecting: "Соединяемся…",
  statusOffline: "Нет связи",
  statusQueue: "Вопрос передан сотруднику",
  statusAgent: "Отвечает сотрудник",
  offlineServer: "Связь прервалась, восстанавливаем. Пишите: сообщения отправятся, как только она появится.",
  offlineBrowser: "Похоже, пропал интернет. Пишите: сообщения отправятся, как только он появится.",

  inputLabel: "Ваше сообщение",
  inputPlaceholder: "Напишите сообщение",
  inputHint: "Enter отправляет, Shift + Enter переносит строку, Esc закрывает чат",
  send: "Отправить",
  attach: "Приложить файл или фото",
  chosenFiles: "Приложенные файлы",
  removeFile: (name) => `Убрать файл ${name}`,
  dropHere: "Отпустите, чтобы приложить",
  tooManyFiles: (count) => `За один раз можно отправить не больше ${count} файлов.`,
  fileTooLarge: (name, megabytes) => `Файл «${name}» больше ${megabytes} МБ. Выберите, пожалуйста, поменьше.`,
  fileEmpty: (name) => `Файл «${name}» пустой.`,
  startersLabel: "Частые вопросы",
  buttonsLabel: "Варианты ответа",
  left: {
    one: "Остался # символ",
    few: "Осталось # символа",
    many: "Осталось # символов",
    other: "Осталось # символа",
  },
  over: {
    one: "Сократите, пожалуйста, на # символ",
    few: "Сократите, пожалуйста, на # символа",
    many: "Сократите, пожалуйста, на # символов",
    other: "Сократите, пожалуйста, на # символа",
  },

  you: "Вы",
  agent: "Сотрудник поддержки",
  system: "Служебное сообщение",
  typingAssistant: "Готовлю ответ",
  typingAgent: "Сотрудник печатает",
  sending: "Отправляем",
  waiting: "Ждёт связи",
  sent: "Отправлено",
  failed: "Не отправлено",
  retry: "Отправить ещё раз",
  discard: "Удалить",
  size: (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} КБ` : `${(bytes / 1e6).toFixed(1)} МБ`),

  today: "Сегодня",
  yesterday: "Вчера",
  newer: "Новые сообщения",
  earlier: "Показать предыдущие сообщения",

  refused: {
    empty: "Сообщение получилось пустым.",
    too_long: "Сообщение слишком длинное. Разделите его, пожалуйста, на несколько.",
    rate_limited: "Слишком много сообщений подряд. Подождите, пожалуйста, немного.",
    bad_press: "Этот вариант больше не действует. Напишите, пожалуйста, словами.",
    too_large: "Файл слишком большой.",
    too_many: "Файлов слишком много.",
    bad_type: "Такой файл принять не получится.",
    empty_file: "Файл пустой.",
    other: "Сервер не принял сообщение.",
    stale: "Сообщение осталось с прошлого раза.",
  },
};

const ENGLISH = {
  name: "Zabota",
  heading: "How can we help?",
  intro: "Ask in your own words. If you need a person, I’ll pass the whole conversation on to one.",
  dialogLabel: "Support chat",
  threadLabel: "Conversation",
  launcherOpen: "Open support chat",
  launcherClose: "Close chat",
  close: "Close chat",
  unread: { one: "# new message", other: "# new messages" },

  statusOnline: "Virtual assistant, online",
  statusConnecting: "Connecting…",
  statusOffline: "No connection",
  statusQueue: "Passed to our team",
  statusAgent: "You’re talking to a person",
  offlineServer: "The connection dropped; we’re restoring it. Keep writing: messages go out once it’s back.",
  offlineBrowser: "You seem to be offline. Keep writing: messages go out once you’re back.",

  inputLabel: "Your message",
  inputPlaceholder: "Write a message",
  inputHint: "Enter sends, Shift + Enter starts a new line, Esc closes the chat",
  send: "Send",
  attach: "Attach a file or photo",
  chosenFiles: "Attached files",
  removeFile: (name) => `Remove the file ${name}`,
  dropHere: "Drop to attach",
  tooManyFiles: (count) => `You can send at most ${count} files at once.`,
  fileTooLarge: (name, megabytes) => `The file “${name}” is over ${megabytes} MB. Please choose a smaller one.`,
  fileEmpty: (name) => `The file “${name}” is empty.`,
  startersLabel: "Common questions",
  buttonsLabel: "Suggested replies",
  left: { one: "# character left", other: "# characters left" },
  over: { one: "Please shorten by # character", other: "Please shorten by # characters" },

  you: "You",
  agent: "Support agent",
  system: "Notice",
  typingAssistant: "Preparing an answer",
  typingAgent: "The agent is typing",
  sending: "Sending",
  waiting: "Waiting for connection",
  sent: "Sent",
  failed: "Not sent",
  retry: "Try again",
  discard: "Delete",
  size: (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`),

  today: "Today",
  yesterday: "Yesterday",
  newer: "New messages",
  earlier: "Show earlier messages",

  refused: {
    empty: "The message was empty.",
    too_long: "The message is too long. Please split it into several.",
    rate_limited: "Too many messages at once. Please wait a moment.",
    bad_press: "This option is no longer available. Please write it in words.",
    too_large: "The file is too large.",
    too_many: "Too many files.",
    bad_type: "This kind of file cannot be taken.",
    empty_file: "The file is empty.",
    other: "The server did not accept the message.",
    stale: "This message is left from last time.",
  },
};

const CATALOGUE = { ru: RUSSIAN, en: ENGLISH };

/** @returns {"ru"|"en"} what the page asks for, else what the document or the browser speaks. */
export function chooseLanguage(wanted) {
  const candidates = [wanted, document.documentElement.lang, ...(navigator.languages ?? [])];
  for (const candidate of candidates) {
    const code = (candidate ?? "").toLowerCase().split("-")[0];
    if (code in CATALOGUE) return code;
  }
  return "en";
}

/** The words of one language, with the functions that need its grammar and its calendar. */
export class Texts {
  constructor(language) {
    this.language = language;
    Object.assign(this, CATALOGUE[language]);
    this.rules = new Intl.PluralRules(language);
    // «09:05», but “9:05 AM”
    this.clock = new Intl.DateTimeFormat(language, { hour: language === "ru" ? "2-digit" : "numeric", minute: "2-digit" });
    this.dayOfYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" });
    this.dayOfAnyYear = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
  }

  /** `count(texts.unread, 5)` → «5 новых сообщений». */
  count(forms, number) {
    return (forms[this.rules.select(number)] ?? forms.other).replace("#", String(number));
  }

  time(date) {
    return this.clock.format(date);
  }

  day(date, now = new Date()) {
    const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
    if (date.toDateString() === now.toDateString()) return this.today;
    if (date.toDateString() === yesterday.toDateString()) return this.yesterday;
    return (date.getFullYear() === now.getFullYear() ? this.dayOfYear : this.dayOfAnyYear).format(date);
  }
}
