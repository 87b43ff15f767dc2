export { default as Button } from './VoiceButton.svelte'
export { default as ReadAloud } from './ReadAloudButton.svelte'
