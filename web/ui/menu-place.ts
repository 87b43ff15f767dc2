/**
 * Shows `list` in the top layer beside `button`, so that no scrolling or clipping parent cuts it off; on the
 * side asked for where there is room, else on the other.
 */
export function placeMenu(
  list: HTMLElement,
  button: HTMLElement,
  { align, up }: { align: 'start' | 'end'; up: boolean },
): void {
  list.showPopover()
  const at = button.getBoundingClientRect()
  const { offsetWidth: width, offsetHeight: height } = list
  const left = align === 'end' ? at.right - width : at.left
  const below = at.bottom + 4 + height <= innerHeight
  const top = (up && at.top - 4 - height >= 0) || !below ? at.top - 4 - height : at.bottom + 4
  list.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`
  list.style.top = `${Math.max(8, top)}px`
}
