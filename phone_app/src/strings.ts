/**
 * Every word on the screens, in one place. A translation is another object of this shape.
 *
 * The names of buttons and titles that the published manual gives are used as it gives them.
 */

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

const COUNT = new Intl.NumberFormat("pt-BR");

const pt = {
  lang: "pt-BR",
  product: "Link ID",
  tagline: "Seu certificado na nuvem. Sua assinatura, só com você.",
  promise: {
    title: "Nada é assinado sem você.",
    points: [
      "Cada pedido mostra aqui quem pede, e quais documentos ou até quando.",
      "Só vale com a sua senha de uso, que não sai deste aparelho.",
      "Se não foi você, recuse: o pedido acaba na hora.",
    ],
  },
  common: {
    back: "Voltar",
    close: "Fechar",
    cancel: "Cancelar",
    next: "Seguinte",
    confirm: "Confirmar",
    done: "Concluir",
    tryAgain: "Tentar de novo",
    loading: "Carregando…",
    working: "Um momento…",
    showPassword: "Mostrar senha",
    hidePassword: "Ocultar senha",
    step: (at: number, of: number) => `Passo ${at} de ${of}`,
    expiresIn: (time: string) => `Expira em ${time}`,
    expired: "O prazo acabou",
    secondsLeft: (seconds: number) => `Faltam ${plural(seconds, "segundo", "segundos")}.`,
    sizeUnknown: "tamanho não informado",
    noName: "(sem nome)",
    development: "Ambiente de desenvolvimento: sem valor legal.",
    newVersion: "Há uma versão nova do Link ID.",
    update: "Atualizar",
    errorPrefix: "Erro",
  },
  welcome: {
    title: "Link ID",
    lead: "Vincule este celular ao seu certificado digital e aprove cada assinatura com segurança.",
    need: "Tenha em mãos",
    needs: ["o número de celular informado na emissão do certificado", "a senha de uso do certificado"],
    start: "Vamos começar!",
    installTitle: "Instale antes de começar",
    installIos: "No iPhone, toque em Compartilhar e depois em “Adicionar à Tela de Início”. Abra o Link ID pelo ícone e comece por lá: o navegador e o aplicativo guardam chaves separadas.",
    installByMenu: "No menu do navegador (⋮), toque em “Instalar aplicativo” ou “Adicionar à tela inicial”. Abra o Link ID pelo ícone: assim ele recebe avisos.",
    installAndroid: "Instalado, o Link ID abre pelo ícone e recebe avisos.",
    install: "Instalar o aplicativo",
    anyway: "Continuar no navegador mesmo assim",
  },
  number: {
    title: "Qual é o seu celular?",
    lead: "Informe o número de celular cadastrado no momento da emissão do certificado.",
    label: "Número de celular com DDD",
    hint: "Exemplo: (31) 99999-9999",
    invalid: "Digite o DDD e o número, por exemplo (31) 99999-9999.",
  },
  confirmNumber: {
    title: "Este é o seu número?",
    lead: "Enviaremos um código de confirmação por SMS para ele.",
    fix: "Corrigir número",
  },
  askCode: {
    title: "Receba o código",
    lead: "O código chega por SMS em alguns segundos e vale por 10 minutos.",
    to: "Vamos enviar para",
    ask: "Pedir código de confirmação",
  },
  code: {
    title: "Informe o código",
    lead: (number: string) => `Enviamos um SMS para ${number}.`,
    label: "Código de confirmação",
    hint: "6 números. Não conte este código a ninguém.",
    invalid: "O código tem 6 números.",
    wrong: (left: number) => `Código incorreto. ${left === 1 ? "Resta 1 tentativa" : `Restam ${left} tentativas`}.`,
    wrongSimple: "Código incorreto. Confira o SMS mais recente.",
    resend: "Enviar outro código",
    resendIn: (seconds: number) => `Enviar outro código em ${seconds} s`,
    resent: "Enviamos um código novo. Use só o mais recente.",
    noMore: "Os envios acabaram. Se nenhum SMS chegou, confira o número e comece de novo.",
    other: "Usar outro número",
    expires: (time: string) => `O código vale por mais ${time}.`,
  },
  nickname: {
    title: "Dê um apelido a este celular",
    lead: "Este passo ajuda a diferenciá-lo dos demais.",
    label: "Apelido",
    hint: "Exemplo: Celular da Maria",
    invalid: "Escreva um apelido de até 40 caracteres.",
  },
  notifications: {
    title: "Avisos de pedidos",
    lead: "Habilite o recebimento de notificações para saber na hora quando alguém pede a sua assinatura.",
    what: "O aviso nunca mostra o conteúdo: só diz que há um pedido.",
    allow: "Habilitar notificações",
    skip: "Agora não",
    skipNote: "Sem avisos, os pedidos aparecem quando você abre o Link ID.",
    denied: "As notificações estão bloqueadas neste navegador. Você pode liberá-las depois, nas configurações do site.",
    unsupported: "Este navegador não mostra notificações. Os pedidos aparecem quando você abre o Link ID.",
  },
  credential: {
    title: "Qual certificado?",
    lead: "Escolha o certificado que este celular vai aprovar. Outros podem ser incluídos depois.",
    none: "Não encontramos certificado em nuvem para este número.",
    noneWhat: "Confira se este é o número informado na emissão. Se o certificado ainda não foi emitido, conclua antes a emissão.",
    validTo: (date: string) => `Válido até ${date}`,
    endsIn: (days: number) => `Vence em ${plural(days, "dia", "dias")}.`,
    endsSoon: (days: number) => `Vence em ${plural(days, "dia", "dias")}. Combine a renovação com quem o emitiu.`,
    endsNow: (days: number) => (days === 0 ? "Vence hoje. Peça já um novo a quem o emitiu." : `Vence em ${plural(days, "dia", "dias")}. Peça já um novo a quem o emitiu.`),
    over: "Venceu: não assina mais. Peça um novo a quem o emitiu.",
    unusable: { revoked: "revogado", expired: "vencido", locked: "bloqueado" } as Record<string, string>,
  },
  pairPassword: {
    title: "Confirme com a senha de uso",
    lead: "É a senha que você criou na emissão do certificado. Ela prova que este celular é mesmo seu.",
    certificate: "Certificado",
  },
  password: {
    label: "Senha de uso",
    hint: "8 a 15 letras e números",
    invalid: "A senha de uso tem de 8 a 15 letras e números, sem acentos nem espaços.",
    wrong: (left: number) => `Senha incorreta. ${left === 1 ? "Resta 1 tentativa" : `Restam ${left} tentativas`} antes do bloqueio.`,
    wrongSimple: "Senha incorreta.",
    left: (left: number) => `Alguém digitou a senha errada há pouco. ${left === 1 ? "Resta 1 tentativa" : `Restam ${left} tentativas`} antes do bloqueio.`,
    stretching: "Protegendo a senha neste celular…",
    sending: "Enviando a sua decisão…",
    noRecovery: "A senha de uso não pode ser recuperada. Quem a esquece precisa emitir um novo certificado.",
  },
  trial: {
    title: "Falta só um teste",
    waiting: "Estamos enviando um pedido de teste a este celular. Deixe esta tela aberta.",
    search: "Procurar de novo",
    slow: "Está demorando mais que o normal. Confira a sua conexão.",
    ask: "Aprove este teste",
    lead: "É assim que os pedidos vão chegar. Este é só um teste: nada será assinado.",
    approve: "Aprovar",
  },
  ready: {
    title: "Tudo pronto!",
    lead: "Seu certificado está pronto para utilização.",
    next: "Agora associe o seu computador: abra o Link ID Desktop e leia o QR Code com este celular.",
    scan: "Ler o QR Code",
    home: "Ir para o início",
  },
  home: {
    title: "Início",
    hello: (nickname: string) => nickname,
    waiting: "Esperando por você",
    nothing: "Nenhum pedido agora",
    nothingWhat: "Quando alguém pedir a sua assinatura, o pedido aparece aqui.",
    open: "Ver pedido",
    scan: "Ler QR Code",
    byHand: "Digitar código",
    certificates: "Certificados",
    noCertificates: "Nenhum certificado vinculado a este celular.",
    addCertificate: "Vincular outro certificado",
    computers: "Computadores",
    computersCount: (count: number) => (count === 0 ? "Nenhum associado" : plural(count, "associado", "associados")),
    history: "Agora há pouco",
    device: "Este celular",
    live: { connected: "Conectado", polling: "Conexão instável", closed: "Sem conexão" },
    discarded: "Chegou um pedido que não pôde ser conferido e foi descartado. Nada foi assinado. Se isso se repetir, avise o suporte.",
    arrived: "Chegou um pedido novo.",
    products: { person: "Pessoa física", company: "Pessoa jurídica", "e-cpf-a3": "e-CPF A3", "e-cnpj-a3": "e-CNPJ A3" } as Record<string, string>,
    state: {
      active: "Ativo",
      trial: "Em teste",
      waiting: "Em espera",
      locked: "Bloqueado",
      blocked: "Bloqueado",
      revoked: "Revogado",
      expired: "Vencido",
      suspended: "Suspenso",
    } as Record<string, string>,
    kinds: {
      sign: "Assinatura",
      session: "Sessão de assinaturas",
      associate: "Associar computador",
      identify: "Identificação",
      test: "Teste deste celular",
      pair: "Vincular certificado",
      unblock: "Desbloqueio",
      generator: "Código sem internet",
      consent: "Autorização a um sistema",
      admit: "Novo celular",
    },
  },
  warning: {
    title: "Alertas",
    locked: "Certificado bloqueado",
    lockedForEver: "Certificado bloqueado para sempre",
    typed: (moment: string) => `A senha de uso foi digitada errada várias vezes seguidas, a última ${moment}, `,
    onThisPhone: "neste celular.",
    onSomePhone: "em um dos celulares vinculados.",
    onPhone: "no celular ",
    until: (moment: string) => `Nada pode ser assinado com ele até ${moment}.`,
    over: (moment: string) => `O bloqueio terminou ${moment}.`,
    forEver: "Nada mais pode ser assinado com ele.",
    wasYou: "Foi você?",
    wasYouWhat: "Espere e use a senha certa: depois de outras três erradas seguidas o bloqueio é mais longo.",
    wasYouForEver: "Peça um novo certificado a quem o emitiu.",
    notYou: "Não foi você?",
    notYouHere: "Alguém usou este celular e tentou adivinhar a sua senha. Nada foi assinado. Troque o bloqueio de tela e não diga a senha a ninguém.",
    notYouElsewhere:
      "Alguém está com um celular seu e tenta adivinhar a sua senha. Nada foi assinado. Não diga a senha a ninguém e, se ele não está com você, peça a revogação do certificado a quem o emitiu.",
    blocked: {
      title: "Tudo foi bloqueado",
      what: (when: string) => `“Bloquear tudo” foi usado ${when}, `,
      notYou: "Nada foi assinado. Se esse celular não está com você, peça a revogação do certificado a quem o emitiu.",
    },
    unblocked: {
      title: "Certificado desbloqueado",
      what: (when: string) => `O bloqueio feito ${when} foi desfeito, com a senha de uso, `,
      notYou: "Alguém conhece a sua senha de uso. Bloqueie tudo agora e peça a revogação do certificado a quem o emitiu.",
    },
    consentEnded: {
      title: "Autorização encerrada",
      what: (when: string) => `Um sistema que você autorizou enviou senhas ou códigos errados vezes demais, ${when}. A autorização dele acabou.`,
      notYou: "Alguém pode estar tentando assinar no seu lugar por esse sistema. Nada foi assinado com essas tentativas.",
    },
    understood: "Entendi",
  },
  admission: {
    title: "Um novo celular está esperando",
    what: (when: string) => ` foi vinculado ao seu certificado ${when}, com um código enviado ao seu número e a sua senha de uso.`,
    until: (when: string) => `Se você não fizer nada, ele poderá aprovar assinaturas a partir de ${when}.`,
    over: (when: string) => `Ele pode aprovar assinaturas desde ${when}.`,
    mine: "Fui eu: liberar agora",
    notMe: "Não fui eu",
    yesTitle: "Liberar este celular?",
    yesLead: "A partir de agora ele aprova assinaturas com a sua senha de uso, como este celular. Libere só se ele está na sua mão.",
    yes: "Liberar",
    phone: "Celular",
    since: "Vinculado",
    admitted: "Celular liberado",
    admittedWhat: "Os pedidos chegam nos dois celulares, e basta responder em um.",
    noTitle: "Mandar este celular embora?",
    noLead: "Ele não aprovará nada com o seu certificado. Nada foi assinado por ele.",
    no: "Não fui eu: remover",
    sentAway: "Celular removido",
    sentAwayWhat: "Ele não aprova nada com o seu certificado. Mas alguém recebeu um SMS no seu número e sabe a sua senha de uso.",
    next: ["Use “Bloquear tudo” agora.", "Procure a sua operadora: seu número pode ter sido transferido para outro chip.", "Peça a revogação do certificado a quem o emitiu."],
    heldTitle: "Este celular ainda não aprova",
    held: (when: string) => `Para a sua segurança, ele poderá aprovar assinaturas a partir de ${when}.`,
    heldSooner: "Para liberar agora: abra o Link ID no celular que você já usava e toque em “Fui eu”. Se não tem mais esse celular, fale com o atendimento de quem emitiu o certificado.",
  },
  block: {
    button: "Bloquear tudo",
    buttonWhat: "Perdeu o celular, o computador ou desconfia de algo? Pare todas as assinaturas.",
    title: "Bloquear tudo?",
    lead: "Vale na hora, para todos os certificados deste celular:",
    points: ["nenhuma assinatura é feita", "pedidos à espera são cancelados", "sessões abertas são encerradas"],
    undo: "Para desbloquear: só neste mesmo celular, depois de 1 hora, com a sua senha de uso. O que já foi assinado continua valendo.",
    now: "Bloquear tudo agora",
    done: "Tudo bloqueado",
    doneWhat: "Nenhuma assinatura é feita com os certificados deste celular.",
    lost: "Perdeu um celular ou alguém sabe a sua senha? Peça também a revogação do certificado a quem o emitiu.",
    standing: "Certificado bloqueado",
    standingHere: (when: string) => `Nada é assinado com ele: “Bloquear tudo” foi usado neste celular ${when}.`,
    standingSince: (when: string) => `Nada é assinado com ele desde ${when}.`,
    waitUntil: (when: string) => `Você poderá desbloquear neste celular a partir de ${when}.`,
    elsewhere: "Ele foi bloqueado em outro lugar. Desbloqueie no celular que bloqueou ou fale com o atendimento de quem emitiu o certificado.",
    ready: "Você já pode desbloquear neste celular.",
    unblock: "Desbloquear",
    unblockTitle: "Desbloquear este certificado?",
    unblockLead: "Depois disso, novos pedidos voltam a chegar. Cada um continua dependendo da sua aprovação.",
    blockedSince: "Bloqueado",
    unblocked: "Certificado desbloqueado",
    unblockedWhat: "Novos pedidos de assinatura voltam a chegar. As sessões que havia continuam encerradas.",
  },
  approval: {
    title: "Aprovar assinatura?",
    asks: "Quem pede",
    computer: "Computador",
    integrator: "Sistema integrado",
    code: "Código de verificação",
    codeWhat: "Deve ser igual ao que aparece onde você pediu a assinatura. Se for diferente, recuse.",
    documents: (count: number) => plural(count, "documento", "documentos"),
    certificate: "Assinar como",
    approve: "Aprovar",
    refuse: "Recusar",
    details: "Detalhes técnicos",
    hash: "Resumo do documento",
    algorithm: "Algoritmo",
    request: "Pedido",
    fixed: "Você vê exatamente o que será assinado: este pedido foi conferido neste celular.",
    approved: "Assinatura aprovada",
    approvedWhat: "Pode voltar ao lugar de onde veio o pedido. A assinatura continua por lá.",
  },
  session: {
    title: "Abrir sessão de assinaturas?",
    allows: "O que você permite",
    howMany: "Quantas",
    upTo: (count: number) => `até ${plural(count, "assinatura", "assinaturas")}`.replace(String(count), COUNT.format(count)),
    until: "Até",
    purpose: "Para quê, segundo quem pede",
    noPurpose: "(não informado)",
    unseen: "Dentro desta sessão, os documentos não aparecem aqui um por um. Você pode encerrá-la a qualquer momento.",
    fixed: "Você vê exatamente o que permite: este pedido foi conferido neste celular.",
    key: "Chave que assina cada uso",
    withoutKey:
      "Este sistema não tem chave própria. Durante a sessão, quem obtiver o acesso dele (por exemplo, em um vazamento) poderá assinar em seu nome, sem que o Link ID consiga perceber a diferença.",
    withoutKeyTick: "Entendi o risco e confio neste sistema para assinar em meu nome durante a sessão.",
    withoutKeyMissing: "Marque que você entendeu, ou recuse.",
    approved: "Sessão aberta",
    approvedWhat: "As assinaturas seguem por lá, sem avisar aqui a cada uma. Para encerrar antes do fim, abra “Sessões abertas” no início.",
  },
  sessions: {
    title: "Sessões abertas",
    count: (count: number) => plural(count, "aberta", "abertas"),
    lead: "Quem está aqui assina em seu nome, dentro destes limites, sem perguntar de novo.",
    none: "Nenhuma sessão aberta",
    noneWhat: "Toda assinatura depende de uma aprovação sua.",
    used: (used: number, of: number) => `${COUNT.format(used)} de ${COUNT.format(of)} ${of === 1 ? "assinatura usada" : "assinaturas usadas"}`,
    until: (when: string, left: string) => `Até ${when} (${left})`,
    withoutKey: "Sistema sem chave própria",
    end: "Encerrar",
    endTitle: "Encerrar esta sessão?",
    endLead: "Nenhuma assinatura sai mais por ela, a partir de agora. O que já foi assinado continua valendo.",
    ended: "Sessão encerrada.",
  },
  consent: {
    title: "Autorizar este sistema?",
    lead: "Este sistema quer assinar em seu nome sem perguntar aqui no celular, usando a sua senha de uso e um código do aplicativo Link ID.",
    danger:
      "Você vai digitar a sua senha de uso e o código no sistema dele. Quem controlar esse sistema, ou o caminho até nós, vê a sua senha e pode usar aquele código para assinar outra coisa no lugar.",
    unseen: "Os documentos não aparecem aqui antes da assinatura. Eles ficam no seu histórico, e você pode encerrar a autorização a qualquer momento.",
    tick: "Entendi o risco e confio neste sistema com a minha senha.",
    missing: "Marque que você entendeu, ou recuse.",
    fixed: "Você vê exatamente o que permite: este pedido foi conferido neste celular.",
    approved: "Sistema autorizado",
    approvedWhat: "Para assinar por lá, use a sua senha de uso e o código da tela “Código para usar sem internet”. Para encerrar, abra “Autorizações” no início.",
  },
  consents: {
    title: "Autorizações",
    rowWhat: "Sistemas que assinam com a sua senha e um código",
    lead: "Estes sistemas assinam em seu nome sem perguntar aqui, com a sua senha de uso e um código deste aplicativo.",
    none: "Nenhuma autorização",
    noneWhat: "Toda assinatura depende de uma aprovação sua no celular.",
    never: "Ainda não usada",
    lastUsed: (when: string) => `Usada por último ${when}`,
    endTitle: "Encerrar esta autorização?",
    endLead: "A partir de agora este sistema não assina mais sem perguntar no celular. O que já foi assinado continua valendo.",
    ended: "Autorização encerrada.",
    history: "Com a sua senha e um código",
  },
  codes: {
    title: "Código para usar sem internet",
    rowWhat: "Muda a cada 30 segundos",
    lead: "Digite este código só no sistema que você autorizou, e só se foi você que começou a assinatura lá.",
    label: "Código",
    left: (seconds: number) => `Muda em ${plural(seconds, "segundo", "segundos")}`,
    once: "Cada código vale uma vez. Não o diga a ninguém, nem a quem disser que é do suporte.",
    setUp: "Ativar o código neste celular",
    setUpLead: "Para criar códigos para este certificado, confirme com a sua senha de uso. Depois disso eles aparecem mesmo sem internet.",
    activate: "Ativar",
    clock: "O código depende da hora certa. Se for recusado, ligue a hora automática deste celular.",
  },
  association: {
    title: "Associar este computador?",
    lead: "Ele poderá pedir assinaturas. Cada uma ainda dependerá da sua aprovação neste celular.",
    name: "Nome",
    system: "Sistema",
    address: "Endereço na rede",
    certificates: "Certificados",
    warning: "Aprove só se você mesmo abriu o Link ID neste computador, agora.",
    approve: "Aprovar",
    checkTitle: "Código de conferência",
    checkLead: (computer: string) => `Digite este código no computador “${computer}” para terminar.`,
    checkWarning: "Não diga este código a ninguém, nem a quem disser que é do suporte.",
  },
  identification: {
    title: "Identificar-se?",
    lead: "Este sistema quer saber quem você é e usar os seus certificados. Cada assinatura ainda dependerá da sua aprovação.",
    integrator: "Sistema",
    address: "Endereço na rede",
    certificates: "Certificados",
    scope: "O que ele poderá pedir",
    scopes: {
      service: "Ver os seus certificados e pedir assinaturas",
      credential: "Pedir assinaturas com o seu certificado",
      openid: "Saber quem você é",
      authentication_session: "Saber quem você é",
      single_signature: "Saber quem você é, e pedir uma assinatura",
      multi_signature: "Saber quem você é, e pedir assinaturas uma vez",
      signature_session: "Saber quem você é, e pedir uma sessão de assinaturas",
    } as Record<string, string>,
    warning: "Aprove só se foi você que abriu a página deste sistema, agora.",
    approve: "Aprovar",
    approved: "Identificação aprovada",
    approvedWhat: "Pode voltar à página: ela continua sozinha.",
    checkLead: (name: string) => `Se a página de “${name}” pedir, digite nela este código.`,
  },
  refusal: {
    title: "Por que você recusa?",
    lead: "A sua resposta vai assinada e ajuda a proteger você.",
    reasons: {
      "changed-mind": { title: "Mudei de ideia", what: "Fui eu que pedi, mas não quero mais." },
      "wrong-content": { title: "O conteúdo está errado", what: "O documento, o código ou o certificado não é o que eu esperava." },
      "not-me": { title: "Não fui eu que pedi", what: "Não reconheço este pedido." },
    },
    refused: "Pedido recusado",
    refusedWhat: "Nada foi assinado, e quem pediu já foi avisado.",
    notMeWhat: "Nada foi assinado, e quem pediu não pode mais pedir assinaturas com este certificado.",
    notMeUndo: "Foi engano? Fale com o atendimento de quem emitiu o certificado: depois de confirmar que é você, ele libera de novo quem pediu.",
    seeComputers: "Ver computadores",
  },
  scan: {
    title: "Leia o QR Code",
    lead: "Aponte a câmera para o QR Code na tela do computador.",
    starting: "Abrindo a câmera…",
    reading: "Procurando um QR Code…",
    found: "QR Code lido. Conferindo…",
    byHand: "Digitar o código",
    notOurs: "Este QR Code não é do Link ID.",
    denied: "O Link ID não tem permissão para usar a câmera. Libere-a nas configurações do navegador ou digite o código.",
    absent: "Não encontramos uma câmera. Digite o código que aparece abaixo do QR Code.",
    busy: "Outro aplicativo está usando a câmera. Feche-o e tente de novo, ou digite o código.",
    insecure: "A câmera só funciona em endereço seguro (https). Digite o código que aparece abaixo do QR Code.",
  },
  byHand: {
    title: "Digite o código",
    lead: "É o código de 10 letras e números que aparece abaixo do QR Code. Ele muda a cada 30 segundos.",
    label: "Código",
    hint: "Exemplo: K7M2P-9XQ4T",
    invalid: "O código tem 10 letras e números.",
  },
  computers: {
    title: "Computadores",
    lead: "Estes computadores podem pedir assinaturas a você.",
    none: "Nenhum computador associado",
    noneWhat: "Abra o Link ID Desktop no computador e leia o QR Code que ele mostra.",
    since: (date: string) => `Associado em ${date}`,
    lastUsed: (date: string) => `Usado por último em ${date}`,
    never: "Ainda não usado",
    remove: "Remover",
    removeTitle: "Remover este computador?",
    removeLead: "Ele não poderá mais pedir assinaturas. Para usá-lo de novo, será preciso ler o QR Code outra vez.",
    removed: "Computador removido.",
  },
  phones: {
    title: "Celulares",
    rowWhat: "Quais aprovam, celular reserva, trocar de celular",
    lead: "Estes celulares aprovam assinaturas com os seus certificados.",
    here: "Este celular",
    trial: "Ainda falta aprovar o teste nele",
    waits: (when: string) => `Em espera: poderá aprovar a partir de ${when}`,
    since: (date: string) => `Vinculado em ${date}`,
    neverSeen: "Sem uso registrado",
    alone: "Você só tem este celular. Com um celular reserva, perder um não deixa você sem assinar.",
    add: "Ter outro celular",
    addLead: "Vale para um celular reserva e para trocar de celular. Tudo é feito no outro celular:",
    addSteps: (address: string) => [
      `Abra ${address} no navegador dele e instale o Link ID.`,
      "Toque em “Vamos começar!” e informe o número de celular do certificado. O código chega por SMS nesse número.",
      "Confirme com a sua senha de uso e aprove o teste.",
    ],
    spare: "Celular reserva?",
    spareWhat: "Guarde-o em lugar seguro. Os pedidos chegam nos dois, e basta responder em um.",
    moving: "Trocando de celular?",
    movingWhat: "Depois que o novo estiver pronto, remova o antigo nesta lista. Os computadores associados continuam funcionando.",
    removeTitle: "Remover este celular?",
    removeLead: "Ele deixa de aprovar assinaturas, e as sessões que ele abriu são encerradas na hora. Os computadores associados continuam.",
    removeLost: "Perdeu este celular ou foi roubado? Depois de remover, use também “Bloquear tudo” se alguém pode saber a sua senha de uso.",
    removed: "Celular removido.",
  },
  device: {
    title: "Este celular",
    unpairShort: "Desvincular",
    unpairLast: "É o seu único celular: sem ele ninguém aprova assinaturas, e os computadores associados deixam de pedir.",
    unpairOthers: "Os seus outros celulares continuam aprovando, e os computadores associados continuam.",
    nickname: "Apelido",
    rename: "Mudar apelido",
    notifications: "Notificações",
    on: "Habilitadas",
    off: "Desabilitadas",
    enable: "Habilitar",
    details: "Detalhes técnicos",
    environment: "Ambiente",
    key: "Chave deste celular",
    version: "Versão",
    unpair: "Desvincular este celular",
    unpairTitle: "Desvincular este celular?",
    unpairLead: "Ele deixa de aprovar assinaturas e a sua chave é apagada. O certificado continua existindo; para aprovar de novo será preciso vincular um celular.",
    unpaired: "Este celular foi desvinculado.",
  },
  history: {
    title: "Histórico",
    how: "Como",
    rowWhat: "Pedidos, respostas e comprovantes",
    lead: "Os pedidos feitos com os seus certificados, respondidos em qualquer celular seu.",
    none: "Nenhum pedido até agora",
    noneWhat: "Cada pedido de assinatura respondido, ou que ficou sem resposta, aparece aqui.",
    more: "Mostrar mais",
    details: "Detalhes",
    andMore: (count: number) => `e mais ${plural(count, "documento", "documentos")}`,
    states: { approved: "Aprovado", refused: "Recusado", expired: "Sem resposta", withdrawn: "Cancelado" } as Record<string, string>,
    notMe: "Não fui eu",
    state: "Resultado",
    kind: "De onde",
    asked: "Pedido",
    answered: "Respondido",
    where: "Celular",
    here: "Este celular",
    elsewhere: "Um celular que não está mais vinculado",
    evidence: "Baixar comprovante",
    evidenceWhat: "O comprovante é um arquivo assinado pelo Link ID que prova o que foi pedido, a sua resposta e o que foi assinado. Guarde-o junto com o documento.",
    kept: "Comprovante conferido e baixado.",
    approved: "Aprovado",
    refused: "Recusado",
  },
  problems: {
    title: "Não deu certo",
    offline: "Sem conexão com o Link ID. Confira a internet e tente de novo.",
    clock: "A data e a hora deste aparelho estão erradas. Ative o ajuste automático de data e hora e tente de novo.",
    untrusted: "Este pedido não foi assinado pelo Link ID e foi descartado. Nada foi assinado. Se isso se repetir, avise o suporte.",
    foreign: "Este pedido não é para este celular.",
    expired: "O prazo deste pedido acabou. Peça de novo onde você começou.",
    unknown: (code: string) => `Algo não deu certo (${code}). Tente de novo em instantes.`,
    withId: (id: string) => `Código para o suporte: ${id}`,
    unpaired: "Este celular não está mais vinculado. Vincule-o de novo para aprovar assinaturas.",
    pairAgain: "Vincular de novo",
    startTitle: "O Link ID não abriu",
    noStorage: "Este navegador não deixa guardar a chave do celular (janela anônima ou memória cheia). Abra o Link ID em uma janela normal.",
    insecure: "O Link ID precisa de um endereço seguro (https) para proteger a sua chave.",
    noTrust: "Não foi possível carregar o Link ID. Confira a internet e tente de novo.",
    codes: {
      bad_input: "Os dados enviados não foram aceitos. Confira e tente de novo.",
      number_invalid: "Este número não parece ser um celular. Confira o DDD e o número.",
      bad_number: "Este número não parece ser um celular. Confira o DDD e o número.",
      code_expired: "O código venceu. Peça outro.",
      code_spent: "Este código já foi usado. Peça outro.",
      too_many_tries: "Muitas tentativas erradas. Comece de novo com um código novo.",
      document_expired: "O prazo deste pedido acabou. Peça de novo onde você começou.",
      document_decided: "Este pedido já foi respondido.",
      decision_invalid: "A sua decisão não foi aceita. Tente de novo; se continuar, desvincule e vincule este celular.",
      code_not_ours: "Este código não é do Link ID. Confira e tente de novo.",
      frame_expired: "O código mudou. Leia o que está na tela agora.",
      link_taken: "Outro celular leu este QR Code antes. Por segurança ele foi cancelado: comece de novo no computador.",
      not_for_you: "Este pedido não é para este celular.",
      caller_unknown: "Este sistema não está cadastrado no Link ID. Avise quem cuida dele; não há nada a fazer no celular.",
      not_found: "Isto não existe mais.",
      too_many: "Muitas tentativas em pouco tempo. Espere um pouco e tente de novo.",
      unavailable: "O serviço está indisponível por um momento. Tente de novo daqui a pouco.",
      number_not_mobile: "Este é um telefone fixo e não recebe SMS. Informe o número do celular.",
      number_foreign: "Só enviamos o código para celulares do Brasil. Informe o número com DDD.",
      pairing_not_found: "Este pedido de código não existe mais. Comece de novo, informando seu número.",
      code_malformed: "O código tem 6 números.",
      resend_too_soon: "O SMS pode demorar um pouco. Aguarde para pedir outro código.",
      no_sends_left: "Já enviamos três códigos. Confira o número e comece de novo.",
      messages_paused: "O envio de códigos está pausado no momento. Tente de novo mais tarde.",
      nickname_invalid: "Escreva um apelido de até 40 caracteres.",
      nickname_needed: "Dê antes um apelido a este celular.",
      number_proof_old: "Faz tempo que você confirmou seu número. Comece de novo e confirme-o por SMS.",
      credential_not_of_phone: "Não encontramos este certificado para o seu número.",
      certificate_not_active: "Este certificado venceu ou foi revogado. Para usar o Link ID, emita outro.",
      certificate_blocked: "Este certificado está bloqueado. Desbloqueie-o no celular que o bloqueou para continuar.",
      not_blocked: "Este certificado não está mais bloqueado.",
      blocked_elsewhere: "Só o celular que bloqueou este certificado pode desbloqueá-lo. Se ele não está com você, fale com o atendimento.",
      unblock_too_early: "Ainda não dá para desbloquear. Espere a hora indicada e tente de novo.",
      device_not_found: "Este celular não está mais vinculado aos seus certificados.",
      consent_not_found: "Esta autorização já acabou, ou não é deste celular.",
      explicit_off: "Este serviço não usa códigos: cada assinatura é aprovada aqui no celular.",
      session_not_found: "Esta sessão já acabou, ou não é deste celular.",
      document_not_found: "Este pedido não existe mais ou não é para este celular.",
      binding_not_active: "Este celular ainda não está pronto. Termine antes de vincular o certificado.",
      too_many_guesses: "Muitos códigos errados. Aguarde alguns minutos e tente de novo.",
      link_not_found: "Este pedido não existe mais. Comece de novo no computador.",
      link_over: "Este pedido terminou. Comece de novo no computador.",
      computer_not_found: "Este computador não está mais associado a este celular.",
      invalid_dpop_proof: "A conferência deste aparelho falhou. Confira se a data e a hora estão certas e tente de novo.",
      emission_refused: "Protocolo, CPF ou senha de instalação não conferem. Revise os três e tente de novo.",
      emission_unknown: "Esta emissão não existe mais. Comece de novo pelo número do protocolo.",
      emission_expired: "O tempo desta emissão acabou. Comece de novo pelo número do protocolo.",
      emission_out_of_order: "Esta etapa não pode ser feita agora. Comece de novo pelo número do protocolo.",
      already_emitted: "O certificado deste protocolo já foi emitido. Se não foi você, peça a revogação ao atendimento agora.",
      order_too_old: "O prazo para emitir o certificado deste protocolo acabou. Peça uma nova solicitação à sua Autoridade de Registro.",
      captcha_invalid: "A verificação “Não sou um robô” não valeu. Marque de novo.",
    } as Record<string, string>,
    triesLeft: (left: number) => (left === 1 ? "Resta 1 tentativa." : `Restam ${left} tentativas.`),
    lockedUntil: (moment: string) => `Muitas senhas erradas: bloqueado por segurança até ${moment}.`,
    lockedForever: "Muitas senhas erradas: este certificado foi bloqueado para sempre. É preciso emitir um novo certificado.",
    waitFor: (time: string) => `Muitas tentativas em pouco tempo. Tente de novo ${time}.`,
  },
  time: {
    justToday: "Hoje",
    justYesterday: "Ontem",
    today: (time: string) => `hoje às ${time}`,
    tomorrow: (time: string) => `amanhã às ${time}`,
    yesterday: (time: string) => `ontem às ${time}`,
    onDay: (day: string, time: string) => `${day}, às ${time}`,
    inSeconds: (count: number) => `em ${plural(count, "segundo", "segundos")}`,
    inMinutes: (count: number) => `em ${plural(count, "minuto", "minutos")}`,
    lessThanAMinute: "menos de um minuto",
    inHours: (count: number) => `em ${plural(count, "hora", "horas")}`,
  },
  emission: {
    heading: "EMISSÃO DE CERTIFICADO DIGITAL",
    steps: ["Identificação", "Termo", "Senha de uso", "Certificado"],
    stepsLabel: "Etapas",
    identify: {
      title: "Vamos confirmar que é você",
      lead: "Os dados são os definidos na validação do seu pedido.",
      protocol: "Informe o protocolo de sua solicitação",
      protocolHint: "10 números, enviados no e-mail de aprovação",
      protocolInvalid: "O protocolo tem 10 números.",
      cpf: "Informe o CPF do Titular",
      cpfInvalid: "Este CPF não confere. Revise os números.",
      password: "Informe a senha de instalação",
      passwordHint: "Criada na videoconferência, com 8 a 15 letras e números",
      passwordInvalid: "A senha de instalação tem de 8 a 15 letras e números.",
      robot: "Não sou um robô",
      robotIdle: "Marque para verificar",
      robotWorking: "Verificando…",
      robotDone: "Verificado",
      robotWhat: "O seu aparelho resolve uma conta; nada é enviado a terceiros.",
      robotFailed: "A verificação não terminou. Tente de novo.",
      robotMissing: "Marque “Não sou um robô”.",
      proceed: "Prosseguir",
      working: "Protegendo a senha de instalação…",
      sending: "Conferindo os seus dados…",
    },
    term: {
      title: "Termo de Titularidade",
      lead: "Confira seus dados e leia o termo.",
      name: "Nome",
      cpf: "CPF",
      email: "E-mail",
      phone: "Celular",
      product: "Certificado",
      validity: "Validade",
      days: (count: number) => {
        const years = Math.round(count / 365.25);
        return years > 0 && Math.abs(count - years * 365.25) < 2 ? plural(years, "ano", "anos") : plural(count, "dia", "dias");
      },
      text: "Texto do termo",
      agree: "Concordar com o termo",
      refuse: "Os dados estão errados",
      refused: "A emissão foi interrompida",
      refusedWhat: "Nada foi emitido. Fale com a sua Autoridade de Registro para corrigir os dados.",
      working: "Assinando o termo…",
    },
    password: {
      title: "Cadastre a senha de USO do Certificado Digital",
      lead: "A senha de uso será solicitada toda vez que o certificado for utilizado.",
      warning: "Atenção: anote e guarde a senha em um local seguro, pois ela não poderá ser alterada e nem resgatada em caso de perda.",
      label: "Senha de uso",
      repeat: "Repita a senha de uso",
      rules: "A senha deve",
      length: "ter entre 8 e 15 dígitos",
      ascii: "usar somente letras de A à Z, maiúsculas ou minúsculas, e números de 0 à 9",
      equal: "ser igual nos dois campos",
      notInstall: "ser diferente da senha de instalação",
      notWeak: "ser difícil de adivinhar: sem sequências, datas, palavras muito usadas ou dados seus",
      weak: {
        personal: "Esta senha usa dados seus (nome, CPF, telefone, e-mail ou nascimento), que outras pessoas conhecem.",
        common: "Esta senha usa uma palavra que está entre as primeiras que alguém tentaria.",
        date: "Esta senha usa uma data, e datas são fáceis de adivinhar.",
        sequence: "Esta senha usa uma sequência ou repetição, como 12345678 ou aaaaaaaa, fácil de adivinhar.",
      },
      weakAdvice: "Escolha outra: por exemplo, as primeiras letras de uma frase que só você conhece, com números no meio.",
      met: "cumprido",
      unmet: "falta",
      confirm: "Confirmar",
    },
    progress: {
      title: "Estamos criando o seu certificado",
      lead: "Não feche esta página. Leva alguns segundos.",
      stretch: "Protegendo a senha neste aparelho",
      key: "Criando a sua chave no cofre criptográfico",
      certificate: "Emitindo o certificado",
    },
    success: {
      title: "Seu certificado digital foi emitido com sucesso!",
      next: "PRÓXIMOS PASSOS",
      app: "Faça o download do app para o seu smartphone Android ou iOS.",
      appWhat: "Abra este endereço no celular e instale o Link ID.",
      appScan: "Ou leia o código ao lado com a câmera do celular.",
      appQr: "QR Code do endereço do aplicativo",
      appHow: "Instale o Link ID no seu celular e toque em “Vamos começar!” para vincular este certificado.",
      computer: "Faça o download do instalador para seu computador.",
      computerWhat: "Instale o Link ID Desktop e selecione o Link ID.",
      qr: "Leia o QR Code gerado pelo instalador com seu celular para autorizar o uso do certificado na nuvem em seu computador.",
      how: "Como usar o seu Link ID",
      getApp: "BAIXE O APP",
      getInstaller: "BAIXE O INSTALADOR",
      readQr: "LEIA O QR CODE",
      facts: "Seu certificado",
      subject: "Titular",
      serial: "Número de série",
      issuer: "Autoridade certificadora",
      validity: "Validade",
      to: "até",
      download: "Baixar o certificado (.pem)",
      downloadWhat: "Só a parte pública. A chave fica no cofre e nunca sai de lá.",
    },
    startOver: "Começar de novo",
    locked: (time: string) => `Muitas tentativas erradas para este protocolo. Tente de novo ${time}.`,
    expired: "O prazo desta etapa acabou. Comece de novo: os seus dados não foram guardados nesta página.",
  },
} as const;

export const t = pt;

const DATE = new Intl.DateTimeFormat(pt.lang, { dateStyle: "short" });
const DATE_TIME = new Intl.DateTimeFormat(pt.lang, { dateStyle: "short", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(pt.lang, { weekday: "long", day: "numeric", month: "long" });
const FULL_DAY = new Intl.DateTimeFormat(pt.lang, { day: "numeric", month: "long", year: "numeric" });
const TIME = new Intl.DateTimeFormat(pt.lang, { timeStyle: "short" });
const NUMBER = new Intl.NumberFormat(pt.lang, { maximumFractionDigits: 1 });

/** The day of a time (seconds since 1970), as people name it. */
export function day(seconds: number, now: number = Date.now() / 1000): string {
  const at = new Date(seconds * 1000).toDateString();
  if (at === new Date(now * 1000).toDateString()) return t.time.justToday;
  if (at === new Date((now - 86_400) * 1000).toDateString()) return t.time.justYesterday;
  return FULL_DAY.format(seconds * 1000);
}

/** Whole days until then (RFC 3339); negative when it is over, null when it cannot be read. */
export function daysLeft(text: string, now: number = Date.now()): number | null {
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : Math.floor((time - now) / 86_400_000);
}

/** RFC 3339 as a date people read; an unreadable one as it came. */
export function date(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : DATE.format(time);
}

/** A certificate's kind as people know it; an unknown one as it came. */
export function product(kind: string): string {
  return Object.hasOwn(t.home.products, kind) ? t.home.products[kind]! : kind;
}

export function dateTime(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : DATE_TIME.format(time);
}

/** How long that is, as people say it: no more than two units, never more than there is. */
export function span(seconds: number): string {
  const minutes = Math.max(0, Math.floor(seconds / 60));
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60), minutes % 60];
  const parts = [
    days > 0 && plural(days, "dia", "dias"),
    hours > 0 && plural(hours, "hora", "horas"),
    days === 0 && rest > 0 && plural(rest, "minuto", "minutos"),
  ].filter(Boolean);
  return parts.length === 0 ? t.time.lessThanAMinute : parts.join(" e ");
}

/** A time (seconds since 1970) in words, by this phone's clock: `hoje às 17:05`, `terça-feira, 1 de dezembro, às 14:05`. */
export function moment(seconds: number, now: number = Date.now() / 1000): string {
  const at = new Date(seconds * 1000);
  const time = TIME.format(at);
  const near = [-1, 0, 1].find((days) => {
    const day = new Date(now * 1000);
    day.setDate(day.getDate() + days);
    return day.toDateString() === at.toDateString();
  });
  if (near === undefined) return t.time.onDay(DAY.format(at), time);
  return [t.time.yesterday, t.time.today, t.time.tomorrow][near + 1]!(time);
}

export function clockTime(ms: number): string {
  return TIME.format(ms);
}

export function size(bytes: number | null): string {
  if (bytes === null) return t.common.sizeUnknown;
  if (bytes < 1000) return `${NUMBER.format(bytes)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = -1;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${NUMBER.format(value)} ${units[unit]}`;
}

/** `m:ss` */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function inAbout(seconds: number): string {
  if (seconds < 90) return t.time.inSeconds(Math.max(1, Math.ceil(seconds)));
  if (seconds < 90 * 60) return t.time.inMinutes(Math.ceil(seconds / 60));
  return t.time.inHours(Math.ceil(seconds / 3600));
}
