# What is installed, and the Debian package that CPack makes of it: scripts/package.sh calls both. Everything lies below /usr, but the
# units where systemd looks for them.
include(GNUInstallDirs)
set(package_folder "${CMAKE_BINARY_DIR}/package")
set(documents "${CMAKE_INSTALL_DATADIR}/doc/templar")

# For the tarball, whose libraries lie beside it; what they need in turn is looked for there as well. An installed program has none of it.
set_target_properties(templar PROPERTIES BUILD_RPATH "$ORIGIN/../lib/templar")
target_link_options(templar PRIVATE -Wl,--disable-new-dtags)

install(TARGETS templar DESTINATION "${CMAKE_INSTALL_BINDIR}")
# scripts/package.sh writes it from what --help says.
install(FILES "${package_folder}/templar.1.gz" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" OPTIONAL)
install(FILES README.md CHANGELOG.md docs/join.md docs/operations.md docs/glossary.md packages/compose.yaml packages/Dockerfile
  DESTINATION "${documents}")
install(FILES LICENSE DESTINATION "${documents}" RENAME copyright)

# A unit for each role, whose instances are folders below /var/lib/templar: templar-miner@first is that of /var/lib/templar/first.
set(USER templar)
set(PROGRAM /usr/bin/templar)
set(FOLDER /var/lib/templar/%i)
set(WRITABLE /var/lib/templar)  # a ledger and a store of one machine may lie there, too
foreach(ROLE miner validator evaluator)
  configure_file(packages/node.service.in "${package_folder}/templar-${ROLE}@.service" @ONLY)
  install(FILES "${package_folder}/templar-${ROLE}@.service" DESTINATION lib/systemd/system)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME templar)
set(CPACK_PACKAGE_VENDOR "the Templar authors")
set(CPACK_PACKAGE_CONTACT "the Templar authors <templar@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains language models across machines that don't trust each other")
set(CPACK_PACKAGE_DESCRIPTION "Miners train on their own machines, compress what they learnt and publish it, signed; every node
applies the same update, equal to the last bit; validators measure what contributions did to the loss.
`templar network init` founds a network, `templar network join` joins one.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/packages/postinst;${CMAKE_SOURCE_DIR}/packages/prerm;${CMAKE_SOURCE_DIR}/packages/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_OUTPUT_FILE_PREFIX "${CMAKE_BINARY_DIR}")
include(CPack)
