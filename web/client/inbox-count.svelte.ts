class InboxCount {
  /** Results that wait to be seen; written by the inbox, which is loaded after the first page. */
  unread = $state(0)
  /** Questions of the agent that wait for an answer. */
  approvals = $state(0)
}

export const inboxCount = new InboxCount()
