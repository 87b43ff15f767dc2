/** What `silo sync` says. */
export const syncTexts = {
  usage_sync: {
    en: `Usage: silo sync [status] [--json]
       silo sync id [--json]
       silo sync add-device ID --name NAME [--address tcp://HOST:PORT]… [--json]
       silo sync remove-device DEVICE [--json]
       silo sync share PATH --with DEVICE… [--id ID] [--label LABEL] [--type sendreceive|sendonly|receiveonly] [--json]
       silo sync share notes --with DEVICE… [--id ID] [--json]
       silo sync unshare FOLDER [--json]
       silo sync pause FOLDER|DEVICE, silo sync resume FOLDER|DEVICE, silo sync rescan FOLDER [--json]

  --with DEVICE         A paired companion or a Syncthing device, by name or id; may be repeated
  --address             Where the Syncthing device is; without, it is looked for in the local network
  --id ID               What the folder is called on all devices: give the one it has in Syncthing

Keeps folders and notes alike with other companions and with Syncthing. Unsharing leaves the files where they are.`,
    zh: `用法：silo sync [status] [--json]
      silo sync id [--json]
      silo sync add-device 编号 --name 名称 [--address tcp://主机:端口]… [--json]
      silo sync remove-device 设备 [--json]
      silo sync share 路径 --with 设备… [--id 编号] [--label 名称] [--type sendreceive|sendonly|receiveonly] [--json]
      silo sync share notes --with 设备… [--id 编号] [--json]
      silo sync unshare 文件夹 [--json]
      silo sync pause 文件夹|设备、silo sync resume 文件夹|设备、silo sync rescan 文件夹 [--json]

  --with 设备           已配对的伴侣程序或 Syncthing 设备，可用名称或编号；可重复使用
  --address             Syncthing 设备的地址；省略时在局域网中查找
  --id 编号             文件夹在所有设备上的编号：与 Syncthing 中的一致

使文件夹和笔记与其他伴侣程序及 Syncthing 保持一致。取消共享后文件仍保留在原处。`,
  },
  sync_id: { en: 'This device in Syncthing:', zh: '本机在 Syncthing 中的编号：' },
  sync_none: {
    en: 'No folder is synchronised. Share one with `silo sync share`.',
    zh: '没有同步的文件夹。可用 `silo sync share` 共享。',
  },
  sync_folders: { en: 'Folders', zh: '文件夹' },
  sync_devices: { en: 'Devices', zh: '设备' },
  sync_offers: { en: 'Offered by other devices', zh: '其他设备提供的文件夹' },
  sync_strangers: { en: 'Devices that asked and are not known', zh: '请求连接的未知设备' },
  sync_starting: { en: 'starting', zh: '正在启动' },
  sync_scanning: { en: 'scanning', zh: '正在扫描' },
  sync_syncing: { en: 'syncing', zh: '正在同步' },
  sync_idle: { en: 'up to date', zh: '已是最新' },
  sync_waiting: { en: 'waiting for a device', zh: '等待设备' },
  sync_paused: { en: 'paused', zh: '已暂停' },
  sync_error: { en: 'error', zh: '出错' },
  sync_connecting: { en: 'connecting', zh: '正在连接' },
  sync_connected: { en: 'connected', zh: '已连接' },
  sync_away: { en: 'away', zh: '离线' },
  sync_needs: { en: '{files} to get, {bytes}', zh: '待获取 {files} 个，{bytes}' },
  sync_files: { en: '{files} files, {bytes}', zh: '{files} 个文件，{bytes}' },
  sync_problems: { en: '{count} with problems', zh: '{count} 个有问题' },
  sync_done: { en: 'Done.', zh: '已完成。' },
  sync_device_added: {
    en: '“{name}” was added. Enter this id there: {id}',
    zh: '已添加“{name}”。请在对方输入此编号：{id}',
  },
  sync_shared: { en: 'The folder “{id}” is shared.', zh: '文件夹“{id}”已共享。' },
  sync_device_id: { en: 'a device id', zh: '设备编号' },
  sync_folder: { en: 'a folder', zh: '文件夹' },
}
