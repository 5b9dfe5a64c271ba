// Starts `archdsl lsp` and connects the editor with it; everything else is said by the server.
const { workspace } = require('vscode')
const { LanguageClient } = require('vscode-languageclient/node')

let client

exports.activate = () => {
  const settings = workspace.getConfiguration('archdsl')
  const [command, ...args] = settings.get('command')
  client = new LanguageClient(
    'archdsl',
    'archdsl',
    { command, args },
    {
      documentSelector: [
        { language: 'archdsl' },
        { scheme: 'file', pattern: '**/studies/*.{yaml,yml}' },
      ],
      initializationOptions: { hints: settings.get('hints') },
    },
  )
  return client.start()
}

exports.deactivate = () => client && client.stop()
