/**
 * The address of a bookmark that hands the page it is clicked on to Silo at `origin`: a form, as other apps share one,
 * which the service worker keeps until the person says what for. Nothing but that form leaves the page.
 */
export function bookmarklet(origin: string): string {
  const action = JSON.stringify(`${origin}/share`)
  const code = `(()=>{const f=document.createElement('form');f.method='post';f.enctype='multipart/form-data';f.action=${action};f.target='_blank';f.hidden=true;for(const[n,v]of Object.entries({title:document.title,url:location.href,text:String(getSelection()),html:document.documentElement.outerHTML})){const a=document.createElement('textarea');a.name=n;a.value=v;f.append(a)}document.documentElement.append(f);f.submit();f.remove()})()`
  return `javascript:${encodeURIComponent(code)}`
}
