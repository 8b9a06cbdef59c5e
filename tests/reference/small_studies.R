# PET and PEESE by metafor: makes small_studies.json. Rscript small_studies.R
suppressMessages({library(metafor); library(jsonlite)})
dat <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
dat$se <- sqrt(dat$vi)
one <- function(model, method, test, interval) {
  mods <- if (model == "PET") dat$se else dat$vi
  fit <- rma(yi, vi, mods = mods, method = method, test = test, data = dat,
             control = list(threshold = 1e-12, maxiter = 10000))
  list(model = model, method = method, interval = interval, b = as.numeric(fit$b), se = fit$se, tau2 = fit$tau2)
}
fits <- list(one("PET", "REML", "z", "wald"), one("PEESE", "REML", "z", "wald"),
             one("PET", "DL", "knha", "hartung-knapp"), one("PEESE", "ML", "knha", "hartung-knapp"))
versions <- list(R = R.version.string, metafor = as.character(packageVersion("metafor")))
write(toJSON(list(data = "dat.bcg, log risk ratios", versions = versions, fits = fits),
             auto_unbox = TRUE, digits = 17, pretty = TRUE), "small_studies.json")
